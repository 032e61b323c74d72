import { cutRows, joinRows, startOf } from '../../simd/nodes.js';
import type { KernelPool } from '../../simd/pool.js';
import type { Dims, DnnlType, Md } from '../api/dnnl.js';
import type { OneDnnBuilder } from '../builder.js';
import { same } from '../forms.js';
import { readsPartOutside } from './move.js';
import { emitOperation, lowerVectors } from './vectors.js';

/*
 * Images with the channels last in memory. The library's own layouts have blocks of 16 channels; where values whose
 * numbers of channels are not multiples of 16 are joined, as in a DenseNet, no such layout fits the parts and the whole,
 * and row-major values would be reordered for each convolution and normalised by slow code. Channels last, the parts of a
 * position are adjacent, and convolutions are as fast as in blocks.
 */

const BLOCK = 16;

/** The layout [N, H, W, C] of an image [N, C, H, W]. */
export function channelsLast(b: Pick<OneDnnBuilder, 'dnnl'>, shape: Dims, type: DnnlType = 'float32'): Md {
  const [, channels, height, width] = shape as [number, number, number, number];
  return b.dnnl.plain(shape, type, [channels * height * width, 1, width * channels, channels]);
}

/** Plans in which channels have been joined channels last; others keep the layouts that the library chooses. */
const joining = new WeakSet<OneDnnBuilder>();

/** Whether a value was computed with the channels last, in a plan that joins them so. */
export function isChannelsLast(b: OneDnnBuilder, i: number): boolean {
  const { shape, dtype } = b.node(i);
  if (!joining.has(b) || shape.length !== 4 || dtype !== 'float32') return false;
  const { dims, md } = b.value(i).forms[0]!;
  const type = b.dnnl.typeOf(md);
  return (
    same(dims, shape) &&
    b.dnnl.equal(md, channelsLast(b, shape, type)) &&
    !b.dnnl.equal(md, b.dnnl.plain(shape, type))
  );
}

/** The pool for an operation on channels of images; undefined for other operations. */
function poolFor(b: OneDnnBuilder, i: number): KernelPool | undefined {
  const { shape, attrs, dtype } = b.node(i);
  return shape.length === 4 && attrs.axis === 1 && dtype === 'float32' ? b.arena?.pool : undefined;
}

const positions = ([images, , height, width]: Dims): number => images! * height! * width!;

/**
 * The type in which channels are copied, in words of 32 bits: bfloat16, two to a word, if all values have it and pairs of
 * channels stay together; otherwise float32.
 * @param counts numbers of channels, and where they begin
 */
function wordsOf(
  b: OneDnnBuilder,
  inputs: readonly number[],
  counts: readonly number[],
): { type: DnnlType; perWord: number } {
  const areHalves =
    counts.every((count) => count % 2 === 0) &&
    inputs.every((input) => b.dnnl.typeOf(b.value(input).forms[0]!.md) === 'bfloat16');
  return areHalves ? { type: 'bfloat16', perWord: 2 } : { type: 'float32', perWord: 1 };
}

/** Joins channels that a convolution or a normalisation made, channels last if they do not fit into blocks. */
export function lowerConcat(b: OneDnnBuilder, i: number): boolean {
  const { inputs, shape } = b.node(i);
  const shapes = inputs.map((input) => b.node(input).shape);
  const isPlain = (input: number): boolean => {
    const { dims, md } = b.value(input).forms[0]!;
    return b.dnnl.equal(md, b.dnnl.plain(dims, b.dnnl.typeOf(md)));
  };
  const pool = poolFor(b, i);
  if (!pool || inputs.every(isPlain) || shapes.every(([, channels]) => channels! % BLOCK === 0))
    return lowerVectors(b, i);
  joining.add(b);
  const { type, perWord } = wordsOf(
    b,
    inputs,
    shapes.map(([, channels]) => channels!),
  );
  const sources = inputs.map((input, k) => b.form(input, shapes[k]!, channelsLast(b, shapes[k]!, type)));
  const operation = joinRows(
    pool,
    positions(shape),
    shapes.map(([, channels]) => channels! / perWord),
  );
  emitOperation(b, i, operation, sources, b.newForm(shape, channelsLast(b, shape, type)));
  return true;
}

/** A part of an axis; channels of a value that has them last stay so. */
export function lowerSlice(b: OneDnnBuilder, i: number): boolean {
  const { inputs, shape } = b.node(i);
  const [x] = inputs as [number];
  const pool = poolFor(b, i);
  if (!pool || !isChannelsLast(b, x)) return !readsPartOutside(b, i) && lowerVectors(b, i);
  const whole = b.node(x).shape;
  const start = startOf(b.node(i), 1, b.numbers);
  // One that changes from run to run may be odd.
  const { type, perWord } = wordsOf(b, [x], [whole[1]!, typeof start === 'number' ? start : 1, shape[1]!]);
  const operation = cutRows(pool, {
    outer: positions(shape),
    length: whole[1]! / perWord,
    start: typeof start === 'number' ? start / perWord : start,
    count: shape[1]! / perWord,
  });
  const source = b.form(x, whole, channelsLast(b, whole, type));
  emitOperation(b, i, operation, [source], b.newForm(shape, channelsLast(b, shape, type)));
  return true;
}
