import { type Node, scalarLeaf } from '../../../../graph/node.js';
import { sameShape, showShape } from '../../../../graph/types.js';
import { recurrence } from '../../../../nn/sequence/recurrence.js';
import * as ops from '../../../../ops/index.js';
import type { Operator, Rule } from '../operator.js';

/* Recurrent layers: X [T, N, I], weights [D, gates · H, …] of D directions, results Y [T, D, N, H] and last states [D, N, H]. */

const DIRECTIONS = { forward: [false], reverse: [true], bidirectional: [false, true] } as const;

interface Kind {
  /** For each gate in our order, its place in ONNX's. */
  readonly gates: readonly number[];
  /** Names of the default activations in one direction. */
  readonly activations: readonly string[];
  readonly cell: (operator: Operator, activations: readonly string[]) => ops.Cell;
}

/** Refuses what would change the gates, and reads their activations, one list for all directions. */
function activationsOf(operator: Operator, { activations }: Kind, directions: number): readonly string[] {
  for (const name of ['clip', 'activation_alpha', 'activation_beta'])
    if (operator.has(name)) operator.refuse(`attribute "${name}"`, 'none', 'one');
  operator.only('layout', 0);
  const given = operator.texts('activations')?.map((name) => name.toLowerCase());
  const own = given?.slice(0, activations.length) ?? activations;
  const all = Array.from({ length: directions }, () => own).flat();
  if (given && (given.length !== all.length || given.some((name, i) => name !== all[i])))
    operator.refuse(
      'attribute "activations"',
      `${activations.length} for each direction, the same in both`,
      given.slice(0, 10).join(', '),
    );
  return own;
}

const fixed =
  (cell: ops.Cell, activations: readonly string[]) =>
  (operator: Operator, given: readonly string[]): ops.Cell =>
    activations.every((name, i) => name === given[i])
      ? cell
      : operator.refuse('attribute "activations"', activations.join(', '), given.join(', '));

const KINDS: Readonly<Record<'RNN' | 'GRU' | 'LSTM', Kind>> = {
  RNN: {
    gates: [0],
    activations: ['tanh'],
    cell: (operator, [name]) =>
      name === 'tanh' || name === 'relu'
        ? name
        : operator.refuse('attribute "activations"', 'tanh or relu', name!),
  },
  // ONNX: update, reset, new; here: reset, update, new.
  GRU: { gates: [1, 0, 2], activations: ['sigmoid', 'tanh'], cell: fixed('gru', ['sigmoid', 'tanh']) },
  // ONNX: input, output, forget, cell; here: input, forget, cell, output.
  LSTM: {
    gates: [0, 2, 3, 1],
    activations: ['sigmoid', 'tanh', 'tanh'],
    cell: fixed('lstm', ['sigmoid', 'tanh', 'tanh']),
  },
};

/** Rows of gates in our order. */
const ordered = (of: Node, gates: readonly number[]): Node => {
  if (gates.length === 1) return of;
  const size = of.shape[0]! / gates.length;
  return ops.concat(
    gates.map((place) => ops.narrow(of, 0, place * size, size)),
    0,
  );
};

const recurrent =
  (type: keyof typeof KINDS): Rule =>
  (operator) => {
    const kind = KINDS[type];
    const states = type === 'LSTM' ? 2 : 1;
    operator.arity(3, type === 'LSTM' ? 8 : 6);
    if (operator.inputKinds[7]) operator.refuse('its peepholes (input 8)', 'none', 'some');
    const reversed =
      DIRECTIONS[operator.word('direction', ['forward', 'reverse', 'bidirectional']) as 'forward'];
    const cell = kind.cell(operator, activationsOf(operator, kind, reversed.length));
    if (type === 'LSTM') operator.only('input_forget', 0);
    if (type === 'GRU' && operator.int('linear_before_reset', 0) === 0)
      operator.refuse(
        'attribute "linear_before_reset"',
        '1, as PyTorch writes it: the reset gate multiplies the product with the state',
        '0',
      );
    const declared = operator.has('hidden_size') ? operator.int('hidden_size', 0) : undefined;
    return ([x, w, r, b, lengths, ...begin]) => {
      const [rank, d] = [x!.shape.length, reversed.length];
      if (rank !== 3) operator.misfit('its input', 'sequences [T, N, size]', showShape(x!.shape));
      const [t, n, features] = x!.shape as [number, number, number];
      const size = r!.shape.at(-1)!;
      const rows = kind.gates.length * size;
      const fits = (of: Node | undefined, what: string, shape: readonly number[]): void => {
        if (of && !sameShape(of.shape, shape)) operator.misfit(what, showShape(shape), showShape(of.shape));
      };
      if (declared !== undefined && declared !== size)
        operator.misfit('attribute "hidden_size"', `that of its weights, ${size}`, String(declared));
      fits(w, 'its weights W', [d, rows, features]);
      fits(r, 'its weights R', [d, rows, size]);
      fits(b, 'its biases B', [d, 2 * rows]);
      for (const state of begin.slice(0, states)) fits(state, 'an initial state', [d, n, size]);
      if (lengths && !operator.known(lengths, 'its sequence_lens').every((length) => length === t))
        operator.misfit('its sequence_lens', `${t}, the length of the input, for each sequence`, 'others');
      const zeros = (shape: readonly number[]): Node => ops.broadcastTo(scalarLeaf(0, x!.dtype), shape);
      const runs = reversed.map((reverse, i) => {
        const biases = b && ops.select(b, 0, i);
        const bias = (from: number): Node | undefined =>
          biases && ordered(ops.narrow(biases, 0, from, rows), kind.gates);
        const [inputBias, hiddenBias] = [bias(0), bias(rows)];
        const gru = cell === 'gru';
        const added = gru || !inputBias ? inputBias : ops.add(inputBias, hiddenBias!);
        return recurrence({
          cell,
          reverse,
          x: ops.linear(x!, ordered(ops.select(w!, 0, i), kind.gates), added),
          w: ordered(ops.select(r!, 0, i), kind.gates),
          begin: Array.from({ length: states }, (_, k) =>
            begin[k] ? ops.select(begin[k], 0, i) : zeros([n, size]),
          ),
          bias: gru ? (hiddenBias ?? zeros([rows])) : undefined,
        });
      });
      const { output } = operator;
      if (output === 0)
        return ops.stack(
          runs.map(({ y }) => y),
          1,
        );
      return ops.stack(
        runs.map(({ end }) => end[output - 1]!),
        0,
      );
    };
  };

export const recurrents: Readonly<Record<string, Rule>> = {
  RNN: recurrent('RNN'),
  GRU: recurrent('GRU'),
  LSTM: recurrent('LSTM'),
};
