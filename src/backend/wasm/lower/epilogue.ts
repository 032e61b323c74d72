import { sameShape, sizeOf } from '../../../graph/types.js';
import { withFollowers } from '../../plan/followers.js';
import type { Region } from '../../plan/region.js';
import { type Epilogue, type Extra, MOST_OTHERS } from '../../simd/gemm/epilogue.js';
import { canRender } from '../../simd/render.js';
import type { WasmBuilder } from '../builder.js';

/** How a kernel reads an input that broadcasts to the result; undefined if it cannot. */
export type ExtraOf = (b: WasmBuilder, input: number, root: number) => Extra | undefined;

const isWhole = (b: WasmBuilder, input: number, root: number): boolean =>
  sameShape(b.node(input).shape, b.node(root).shape);

/** The result has any order. */
export const extraOfSameShape: ExtraOf = (b, input, root) => (isWhole(b, input, root) ? 'whole' : undefined);

/** The result is a matrix, or several, whose columns are the last dimension. */
export const extraOfMatrix: ExtraOf = (b, input, root) => {
  if (isWhole(b, input, root)) return 'whole';
  const { shape } = b.node(input);
  const columns = b.node(root).shape.at(-1)!;
  return columns > 1 && shape.at(-1) === columns && sizeOf(shape) === columns ? 'column' : undefined;
};

/** The result has images, whose channels are its rows. */
export const extraOfImages: ExtraOf = (b, input, root) => {
  if (isWhole(b, input, root)) return 'whole';
  const { shape } = b.node(input);
  const [, channels] = b.node(root).shape as [number, number];
  return shape.at(-3) === channels && sizeOf(shape) === channels ? 'row' : undefined;
};

/** A product's result and what is applied to it. */
export interface Finished {
  /** The nodes that it computes, of which the last is the result. */
  readonly nodes: readonly number[];
  readonly epilogue: Epilogue;
  /** Operands that follow those of the product and its result. */
  readonly extras: readonly Region[];
}

/** @param bias a node that is added to each result, and how it is read */
export function withEpilogue(
  b: WasmBuilder,
  i: number,
  extraOf: ExtraOf,
  bias?: readonly [node: number, extra: 'row' | 'column'],
): Finished {
  const { nodes, activation, others } = withFollowers(b, i, {
    canRender,
    reads: (input, root) => extraOf(b, input, root) !== undefined,
    most: MOST_OTHERS,
  });
  const root = nodes.at(-1)!;
  return {
    nodes,
    epilogue: {
      ...(bias && { bias: bias[1] }),
      ...(activation && { activation }),
      ...(others.length > 0 && { others: others.map((other) => extraOf(b, other, root)!) }),
    },
    extras: [...(bias ? [bias[0]] : []), ...others].map((input) => b.regionOf(input)),
  };
}
