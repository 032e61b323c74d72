/* Numbers and names of oneDNN 2's C interface, as its headers define them. */

/** A memory descriptor: dimensions, element type and layout. */
export type Md = Uint8Array;
export type Handle = bigint;
export type Dims = readonly number[];

export const Prop = {
  forwardTraining: 64,
  forwardInference: 96,
  backward: 128,
  backwardData: 160,
  backwardWeights: 192,
} as const;
export const Alg = {
  direct: 1,
  winograd: 2,
  relu: 31,
  pow: 32,
  tanh: 47,
  round: 64,
  square: 79,
  abs: 95,
  sqrt: 111,
  linear: 127,
  logistic: 175,
  exp: 191,
  log: 239,
  clip: 255,
  reluFromDst: 256,
  tanhFromDst: 257,
  logisticFromDst: 260,
  poolMax: 511,
  poolAvgIncludePadding: 767,
  poolAvgExcludePadding: 1023,
  lrnAcrossChannels: 2815,
  add: 0x1fff0,
  mul: 0x1fff1,
  div: 0x1fff4,
  sub: 0x1fff5,
} as const;
export const Arg = {
  src: 1,
  src1: 2,
  dst: 17,
  weights: 33,
  bias: 41,
  mean: 49,
  variance: 50,
  workspace: 64,
  scratchpad: 80,
  diffSrc: 129,
  diffDst: 145,
  diffWeights: 161,
  diffBias: 169,
  scaleShift: 33,
  diffScaleShift: 161,
} as const;
/** `weights` for 33; several primitives share a number. */
export const argName = (arg: number): string =>
  Object.entries(Arg).find(([, number]) => number === arg)?.[0] ?? 'operand';
/** Second input of the n-th post-op. */
export const postOpArg = (index: number): number => (16384 * (index + 1)) | Arg.src1;
export const Query = {
  src: 129,
  diffSrc: 130,
  weights: 131,
  diffWeights: 132,
  dst: 133,
  diffDst: 134,
  workspace: 135,
  scratchpad: 136,
} as const;
export const TYPE = { float32: 3, int32: 4, uint8: 6 } as const;
export type DnnlType = keyof typeof TYPE;

export type PostOp =
  | { readonly kind: 'eltwise'; readonly alg: number; readonly alpha: number; readonly beta: number }
  | { readonly kind: 'sum'; readonly scale: number }
  | { readonly kind: 'binary'; readonly alg: number; readonly md: Md };

export interface ConvGeometry {
  readonly strides: Dims;
  /** oneDNN counts from 0: 0 is a dense kernel. */
  readonly dilates: Dims;
  readonly padLeft: Dims;
  readonly padRight: Dims;
}

/** Raised when the library has no implementation for what was asked; the planner then tries another way. */
export class Unimplemented extends Error {}
