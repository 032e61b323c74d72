import { hostLeaf, type Node, scalarLeaf } from '../../../../graph/node.js';
import { showShape, sizeOf } from '../../../../graph/types.js';
import * as ops from '../../../../ops/index.js';
import { MOST_KNOWN } from '../fold.js';
import type { Operator, Rule } from '../operator.js';
import { checkSize } from '../refuse.js';
import { picks } from '../windows.js';

/* Operators that move elements along whole axes, for values of any kind. */

/** Normalises indices of an axis; negative ones count from the end. @throws ShapeError if out of range */
export function indicesOf(operator: Operator, given: readonly number[], size: number): number[] {
  const indices = given.map((i) => (i < 0 ? i + size : i));
  const bad = indices.find((i) => !(i >= 0 && i < size));
  if (bad !== undefined) operator.misfit('its indices', `from ${-size} to ${size - 1}`, String(bad));
  return indices;
}

function picked(operator: Operator, x: Node, axis: number, given: readonly number[]): Node {
  const indices = indicesOf(operator, given, x.shape[axis]!);
  return picks(x, axis, indices.length, (i) => indices[i]!);
}

const gather: Rule = (operator) => {
  operator.arity(2);
  const given = operator.int('axis', 0);
  return ([x, indices]) => {
    const [axis] = operator.axes([given], x!.shape.length) as [number];
    const shape = [...x!.shape.slice(0, axis), ...indices!.shape, ...x!.shape.slice(axis + 1)];
    checkSize(shape);
    const computed = operator.inputKinds[1] === 'mask';
    if (computed && indices!.dtype !== 'int32') operator.misfit('its indices', 'positions', 'truth values');
    const chosen = computed
      ? ops.indexSelect(x!, ops.reshape(indices!, [sizeOf(indices!.shape)]), axis)
      : picked(operator, x!, axis, operator.known(indices!, 'its indices'));
    return ops.reshape(chosen, shape);
  };
};

/** Maximum number of results of a Split. */
export const MOST_PARTS = 1024;

/** Split; each result is compiled separately. */
const split: Rule = (operator) => {
  operator.arity(1, operator.opset < 13 ? 1 : 2);
  if (operator.outputs > MOST_PARTS)
    operator.refuse('its results', `at most ${MOST_PARTS}`, String(operator.outputs));
  const given = operator.int('axis', 0);
  const listed = operator.list('split', 13, 1);
  if (operator.opset >= 18) operator.ignore('num_outputs');
  return (inputs) => {
    const x = inputs[0]!;
    const [axis] = operator.axes([given], x.shape.length) as [number];
    const size = x.shape[axis]!;
    const count = operator.outputs;
    const each = Math.ceil(size / count);
    const sizes =
      listed(inputs) ?? Array.from({ length: count }, (_, i) => Math.max(0, Math.min(each, size - i * each)));
    const total = sizes.reduce((a, b) => a + b, 0);
    if (sizes.length !== count || total !== size || sizes.some((d) => d < 0))
      operator.misfit('its parts', `${count} that make ${size} together`, sizes.slice(0, 10).join(' + '));
    const start = sizes.slice(0, operator.output).reduce((a, b) => a + b, 0);
    return ops.narrow(x, axis, start, sizes[operator.output]!);
  };
};

const tile: Rule = (operator) => {
  operator.arity(2);
  return ([x, repeats]) => {
    const times = operator.known(repeats!, 'its repeats');
    if (times.length !== x!.shape.length || times.some((n) => n < 0))
      operator.misfit(
        'its repeats',
        `${x!.shape.length} numbers of at least 0`,
        times.slice(0, 10).join(', '),
      );
    checkSize(x!.shape.map((d, i) => d * times[i]!));
    return times.reduce((y, n, axis) => {
      if (n === 1) return y;
      const size = y.shape[axis]!;
      return picks(y, axis, size * n, (i) => i % size);
    }, x!);
  };
};

/** Source index of a padded position, for the modes other than `constant`. */
const OUTSIDE: Readonly<Record<string, (i: number, size: number) => number>> = {
  edge: (i, size) => Math.max(0, Math.min(size - 1, i)),
  wrap: (i, size) => ((i % size) + size) % size,
  reflect: (i, size) => {
    if (size === 1) return 0;
    const period = 2 * (size - 1);
    const at = ((i % period) + period) % period;
    return at < size ? at : period - at;
  },
};

/** Pad, by a constant or by repeating elements; negative padding crops. */
const pad: Rule = (operator) => {
  const { opset } = operator;
  operator.arity(opset < 11 ? 1 : 2, opset < 11 ? 1 : opset < 18 ? 3 : 4);
  const mode = operator.word('mode', ['constant', 'reflect', 'edge', 'wrap']);
  const fixed = opset < 11 ? operator.float('value', 0) : 0;
  const padsOf = operator.list('pads', 11, 1);
  return (inputs) => {
    const x = inputs[0]!;
    const value = inputs[2] ? (operator.known(inputs[2], 'its value')[0] ?? 0) : fixed;
    const rank = x.shape.length;
    const axes = inputs[3]
      ? operator.axes(operator.known(inputs[3], 'axes'), rank)
      : x.shape.map((_, i) => i);
    const pads = padsOf(inputs) ?? [];
    if (pads.length !== 2 * axes.length)
      operator.misfit('its pads', `${2 * axes.length} numbers`, String(pads.length));
    const around = (y: Node): Node =>
      axes.reduce((all, axis, i) => {
        const size = all.shape[axis]!;
        const length = size + pads[i]! + pads[i + axes.length]!;
        if (!(length >= 1)) operator.misfit('its pads', 'at least one element left', `${length}`);
        checkSize(all.shape.map((d, at) => (at === axis ? length : d)));
        if (mode === 'constant') return ops.narrow(all, axis, -pads[i]!, length);
        if (length === size && pads[i] === 0) return all;
        const read = OUTSIDE[mode]!;
        return picks(all, axis, length, (at) => read(at - pads[i]!, size));
      }, y);
    const y = around(x);
    if (mode !== 'constant' || value === 0) return y;
    // Pad a tensor of ones to find out which positions are padding.
    const ones = ops.broadcastTo(scalarLeaf(1, x.dtype), x.shape);
    return ops.where(around(ones), y, scalarLeaf(value, x.dtype));
  };
};

const where: Rule = (operator) => {
  operator.arity(3);
  return ([condition, a, b]) => {
    if (a!.dtype !== b!.dtype)
      operator.misfit('its inputs', 'two of one type', `${a!.dtype} and ${b!.dtype}`);
    return ops.where(condition!, a!, b!);
  };
};

function blocks(operator: Operator, x: Node): readonly [number, number, number, number] {
  if (x.shape.length !== 4) operator.misfit('its input', 'images [N, C, H, W]', showShape(x.shape));
  return x.shape as unknown as readonly [number, number, number, number];
}

function blockSize(operator: Operator): number {
  const size = operator.int('blocksize', 0);
  if (size < 1) operator.refuse('attribute "blocksize"', 'at least 1', String(size));
  return size;
}

const depthToSpace: Rule = (operator) => {
  operator.arity(1);
  const s = blockSize(operator);
  const columns = operator.word('mode', ['DCR', 'CRD']) === 'CRD';
  return ([x]) => {
    const [n, c, h, w] = blocks(operator, x!);
    const rest = c / (s * s);
    if (!Number.isInteger(rest)) operator.misfit('its channels', `a multiple of ${s * s}`, String(c));
    const y = columns
      ? ops.permute(ops.reshape(x!, [n, rest, s, s, h, w]), [0, 1, 4, 2, 5, 3])
      : ops.permute(ops.reshape(x!, [n, s, s, rest, h, w]), [0, 3, 4, 1, 5, 2]);
    return ops.reshape(y, [n, rest, h * s, w * s]);
  };
};

const spaceToDepth: Rule = (operator) => {
  operator.arity(1);
  const s = blockSize(operator);
  return ([x]) => {
    const [n, c, h, w] = blocks(operator, x!);
    if (h % s !== 0 || w % s !== 0) operator.misfit('its image', `sides that ${s} divides`, `${h} × ${w}`);
    const cells = ops.reshape(x!, [n, c, h / s, s, w / s, s]);
    return ops.reshape(ops.permute(cells, [0, 3, 5, 1, 2, 4]), [n, c * s * s, h / s, w / s]);
  };
};

/** Trilu: the upper or lower triangle of matrices, zero elsewhere. */
const trilu: Rule = (operator) => {
  operator.arity(1, 2);
  const upper = operator.int('upper', 1) !== 0;
  return ([x, diagonal]) => {
    const k = diagonal ? (operator.known(diagonal, 'its diagonal')[0] ?? 0) : 0;
    const [rows, columns] = x!.shape.slice(-2) as [number, number];
    if (x!.shape.length < 2) operator.misfit('its input', 'matrices', showShape(x!.shape));
    if (rows * columns > MOST_KNOWN)
      operator.misfit('its matrices', `at most ${MOST_KNOWN} elements`, `${rows} × ${columns}`);
    const kept = Int32Array.from({ length: rows * columns }, (_, i) => {
      const across = (i % columns) - Math.floor(i / columns);
      return Number(upper ? across >= k : across <= k);
    });
    return ops.where(hostLeaf(kept, [rows, columns], 'int32'), x!, scalarLeaf(0, x!.dtype));
  };
};

export const moves: Readonly<Record<string, Rule>> = {
  Gather: gather,
  Split: split,
  Tile: tile,
  Pad: pad,
  Where: where,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Trilu: trilu,
};
