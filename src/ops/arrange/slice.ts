import type { Node } from '../../graph/node.js';
import { around } from '../../graph/types.js';
import { define, type NodeMaker, need, normalizeAxis } from '../operation.js';

type SliceAttrs = { readonly axis: number; readonly start: number; readonly length: number };
type PlaceAttrs = { readonly axis: number; readonly start: number; readonly size: number };

const resized = (shape: readonly number[], axis: number, size: number): number[] =>
  shape.map((d, i) => (i === axis ? size : d));

const sliceNode: NodeMaker<SliceAttrs> = define<SliceAttrs>({
  name: 'slice',
  positions: ['start'],
  infer: ([x], { axis, start, length }) => {
    need(
      Number.isInteger(start) && Number.isInteger(length) && start >= 0 && length >= 0,
      'positions of at least 0',
      () => `${length} from ${start}`,
    );
    need(
      start + length <= x!.shape[axis]!,
      () => `at most ${x!.shape[axis]} positions`,
      () => `${start + length}`,
    );
    return { shape: resized(x!.shape, axis, length), dtype: x!.dtype };
  },
  gradient: ({ inputs: [x], attrs }, grad) => {
    const { axis, start } = attrs as SliceAttrs;
    return [placeOp([grad], { axis, start, size: x!.shape[axis]! })];
  },
});

function sliceOp(inputs: readonly [Node], attrs: SliceAttrs): Node {
  const node = sliceNode(inputs, attrs);
  const { outer, inner } = around(inputs[0].shape, attrs.axis);
  if (outer === 1) node.from = attrs.start * inner;
  return node;
}

const placeOp: NodeMaker<PlaceAttrs> = define<PlaceAttrs>({
  name: 'place',
  positions: ['start'],
  infer: ([x], { axis, start, size }) => {
    need(
      Number.isInteger(size) && start >= 0 && start + x!.shape[axis]! <= size,
      () => `room for ${x!.shape[axis]} positions from ${start}`,
      () => `${size} positions`,
    );
    return { shape: resized(x!.shape, axis, size), dtype: x!.dtype };
  },
  gradient: ({ inputs: [x], attrs }, grad) => {
    const { axis, start } = attrs as PlaceAttrs;
    return [sliceOp([grad], { axis, start, length: x!.shape[axis]! })];
  },
});

/**
 * `length` positions along one axis, beginning at `start`. Positions outside of the tensor are 0, so a negative start
 * pads.
 */
export function narrow(x: Node, axis: number, start: number, length: number): Node {
  const at = normalizeAxis('narrow', x, axis);
  const size = x.shape[at]!;
  const first = Math.min(size, Math.max(0, start));
  const last = Math.max(first, Math.min(size, start + length));
  if (last === first && size > 0 && length > 0) {
    // The whole range is outside: pad one position past the end and crop it, so that no intermediate value is empty.
    const one = sliceOp([x], { axis: at, start: 0, length: 1 });
    const beyond = placeOp([one], { axis: at, start: length, size: length + 1 });
    return sliceOp([beyond], { axis: at, start: 0, length });
  }
  const whole = first === 0 && last === size;
  const inside = whole ? x : sliceOp([x], { axis: at, start: first, length: last - first });
  return last - first === length
    ? inside
    : placeOp([inside], { axis: at, start: first - start, size: length });
}

/** `length` positions along one axis, beginning at `start`; all of them are in the tensor. */
export const within = (x: Node, axis: number, start: number, length: number): Node =>
  sliceOp([x], { axis: normalizeAxis('narrow', x, axis), start, length });
