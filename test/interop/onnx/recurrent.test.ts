import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cat, manualSeed, nn, type Tensor, zeros } from '../../../src/core.js';
import type { Message } from '../../../src/files/protobuf.js';
import { importOnnx } from '../../../src/interop/onnx/index.js';
import { patterned } from '../../support/onnx/cases.js';
import { farthest, type Runtime, runtimes, type Values } from '../../support/onnx/runtimes.js';
import { attribute, floats, int, numbers, value, word, words, writeOnnx } from '../../support/onnx/writer.js';

/* RNN, GRU and LSTM of ONNX files, beside the layers with the same weights and beside onnxruntime. */

const [T, N, FEATURES, SIZE] = [5, 3, 4, 6];

/** Order of the gates in ONNX, by ours. */
const GATES = { RNN: [0], GRU: [1, 0, 2], LSTM: [0, 3, 1, 2] } as const;
type Type = keyof typeof GATES;

interface Case {
  readonly type: Type;
  readonly direction?: 'forward' | 'reverse' | 'bidirectional';
  readonly relu?: boolean;
  readonly bias?: boolean;
  /** Whether the states before the first position are given. */
  readonly begun?: boolean;
}

const CASES: readonly Case[] = [
  ...(['RNN', 'GRU', 'LSTM'] as const).flatMap((type) => [
    { type },
    { type, bias: false },
    { type, direction: 'reverse' as const, begun: true },
    { type, direction: 'bidirectional' as const, begun: true },
  ]),
  { type: 'RNN', relu: true },
];

/** Weights of the layer, with the gates in ONNX's order: [D, gates · H, …]. */
async function weightsOf(
  layer: nn.LSTM,
  { type, direction = 'forward', bias = true }: Case,
): Promise<Message[]> {
  const suffixes = direction === 'bidirectional' ? ['l0', 'l0_reverse'] : ['l0'];
  const gates = GATES[type];
  const rows = gates.length * SIZE;
  const read = async (kind: string, columns: number): Promise<number[]> => {
    const all: number[] = [];
    for (const suffix of suffixes) {
      const data = [...(await layer.weight(`${kind}_${suffix}`).data())];
      for (const gate of gates) all.push(...data.slice(gate * SIZE * columns, (gate + 1) * SIZE * columns));
    }
    return all;
  };
  const d = suffixes.length;
  const made = [
    floats('W', [d, rows, FEATURES], Float32Array.from(await read('weight_ih', FEATURES))),
    floats('R', [d, rows, SIZE], Float32Array.from(await read('weight_hh', SIZE))),
  ];
  if (!bias) return made;
  const [ih, hh] = [await read('bias_ih', 1), await read('bias_hh', 1)];
  const both = suffixes.flatMap((_, i) => [
    ...ih.slice(i * rows, (i + 1) * rows),
    ...hh.slice(i * rows, (i + 1) * rows),
  ]);
  return [...made, floats('B', [d, 2 * rows], Float32Array.from(both))];
}

const layerOf = ({ type, direction, relu, bias = true }: Case): nn.LSTM => {
  const options = { bias, bidirectional: direction === 'bidirectional' };
  const made =
    type === 'RNN'
      ? new nn.RNN(FEATURES, SIZE, { ...options, nonlinearity: relu ? 'relu' : 'tanh' })
      : new nn[type](FEATURES, SIZE, options);
  return made as nn.LSTM;
};

/** Results of the layer, as ONNX orders them: Y [T, D, N, H], and the last states. */
function expected(layer: nn.LSTM, { type, direction, begun }: Case, x: Tensor, states: Tensor[]): Tensor[] {
  const reverse = direction === 'reverse';
  const d = direction === 'bidirectional' ? 2 : 1;
  const begin = begun ? (type === 'LSTM' ? states : states[0]) : undefined;
  const [y, ends] = layer.forward(reverse ? x.flip([0]) : x, begin as never) as unknown as [
    Tensor,
    Tensor | Tensor[],
  ];
  const order = (reverse ? y.flip([0]) : y).reshape(T, N, d, SIZE).transpose(1, 2);
  return [order, ...[ends].flat()];
}

describe('recurrent layers of ONNX files', () => {
  for (const each of CASES) {
    const { type, direction = 'forward', relu = false, bias = true, begun = false } = each;
    it(`${type} ${Object.entries(each).slice(1).flat().join(' ')}`, async () => {
      manualSeed(7);
      const layer = layerOf(each);
      const d = direction === 'bidirectional' ? 2 : 1;
      const count = type === 'LSTM' ? 2 : 1;
      const names = ['y', 'h', 'c'].slice(0, count + 1);
      const state = ['h0', 'c0'].slice(0, begun ? count : 0);
      const bytes = writeOnnx({
        nodes: [
          {
            type,
            inputs: ['x', 'W', 'R', bias ? 'B' : '', '', ...state],
            outputs: names,
            attributes: [
              int('hidden_size', SIZE),
              word('direction', direction),
              ...(type === 'GRU' ? [int('linear_before_reset', 1)] : []),
              ...(relu ? [words('activations', ['Relu'])] : []),
            ],
          },
        ],
        tensors: await weightsOf(layer, each),
        inputs: [value('x', [T, 'n', FEATURES]), ...state.map((name) => value(name, [d, 'n', SIZE]))],
        outputs: names,
      });
      const inputs: Record<string, Tensor> = { x: patterned([T, N, FEATURES]) };
      for (const [i, name] of state.entries()) inputs[name] = patterned([d, N, SIZE]).mul(0.5 - i);
      const wanted = expected(
        layer,
        each,
        inputs.x!,
        state.map((name) => inputs[name]!),
      );
      const model = importOnnx(bytes);
      assert.deepEqual([...model.stateDict().keys()], bias ? ['W', 'R', 'B'] : ['W', 'R']);
      const found = model.run(inputs);
      for (const [i, name] of names.entries()) {
        assert.deepEqual(found[name]!.shape, wanted[i]!.shape);
        const own = (await found[name]!.data()) as Values;
        assert.ok(farthest(own, (await wanted[i]!.data()) as Values) <= 1e-6, name);
      }
      for (const { name: which, provider, found: runtime } of runtimes) {
        if (typeof runtime === 'string') continue;
        const session = await runtime.InferenceSession.create(bytes, { executionProviders: [provider] });
        const feeds: Record<string, InstanceType<Runtime['Tensor']>> = {};
        for (const [name, x] of Object.entries(inputs))
          feeds[name] = new runtime.Tensor('float32', (await x.data()) as Values, x.shape);
        const results = await session.run(feeds);
        await session.release();
        for (const name of names)
          assert.ok(farthest((await found[name]!.data()) as Values, results[name]!.data) <= 1e-5, which);
      }
    });
  }

  const gru = (attributes: readonly Message[], type = 'GRU', inputs: readonly string[] = ['x', 'W', 'R']) => {
    const gates = type === 'GRU' ? 3 : 4;
    const fill = (shape: number[]): Float32Array => new Float32Array(shape.reduce((a, b) => a * b)).fill(0.1);
    return writeOnnx({
      nodes: [{ type, inputs, outputs: ['', 'y'], attributes }],
      tensors: [
        floats('W', [1, gates * SIZE, FEATURES], fill([gates * SIZE, FEATURES])),
        floats('R', [1, gates * SIZE, SIZE], fill([gates * SIZE, SIZE])),
        floats('P', [1, 3 * SIZE], fill([3 * SIZE])),
        numbers('lengths', [5, 2]),
        numbers('whole', [5, 5]),
      ],
      inputs: [value('x', [T, 2, FEATURES])],
    });
  };

  it('may leave out their sequence, and train', async () => {
    const model = importOnnx(gru([], 'LSTM', ['x', 'W', 'R', '', 'whole']));
    const end = model.forward(patterned([T, 2, FEATURES]));
    assert.deepEqual(end.shape, [1, 2, SIZE]);
    end.sum().backward();
    const { grad } = model.parameters()[0]!;
    assert.ok((await grad!.data()).some((v) => v !== 0));
    assert.equal((await cat([end, zeros([1, 2, SIZE])], 0).data()).length, 4 * SIZE);
  });

  it('with what is not supported are refused', () => {
    const one = int('linear_before_reset', 1);
    for (const [bytes, message] of [
      [gru([]), /linear_before_reset.*1, as PyTorch writes it.*got 0/],
      [gru([one, int('layout', 1)]), /layout/],
      [
        gru([one, words('activations', ['Sigmoid', 'Tanh', 'Tanh'])]),
        /activations.*2 for each direction, the same in both/,
      ],
      [
        gru([one, words('activations', ['Sigmoid', 'Relu'])]),
        /activations.*sigmoid, tanh.*got sigmoid, relu/,
      ],
      [gru([one, words('activations', ['Sigmoid'])]), /activations.*sigmoid, tanh; got sigmoid/],
      [gru([one, attribute('clip', (m) => m.float(2, 3).int(20, 1))]), /clip/],
      [gru([one, word('direction', 'both')]), /direction/],
      [gru([one, int('hidden_size', 5)]), /hidden_size.*6.*got 5/],
      [gru([int('input_forget', 1)], 'LSTM'), /input_forget/],
      [gru([], 'LSTM', ['x', 'W', 'R', '', '', '', '', 'P']), /peepholes/],
      [gru([], 'LSTM', ['x', 'W', 'R', '', 'lengths']), /sequence_lens.*5, the length/],
      [gru([], 'LSTM', ['x', 'R', 'R']), /weights W.*\[1, 24, 4\].*\[1, 24, 6\]/],
    ] as const)
      assert.throws(() => importOnnx(bytes), message);
  });
});
