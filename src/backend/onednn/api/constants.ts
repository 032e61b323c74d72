/* Constants of oneDNN's C API, as the headers of version 3 define them; v2.ts maps those that differ in version 2. */

/** The address of an object owned by the library. */
export type Handle = bigint;
/** A memory descriptor: dimensions, element type and layout. Immutable. */
export class Md {
  /** @param native the struct itself in version 2, its address in version 3 */
  constructor(readonly native: Uint8Array | Handle) {}
}
export type Dims = readonly number[];

export const Prop = {
  forwardTraining: 64,
  forwardInference: 96,
  backward: 128,
  backwardData: 160,
} as const;
export const Alg = {
  direct: 0x1,
  winograd: 0x2,
  relu: 0x20,
  tanh: 0x21,
  linear: 0x26,
  logistic: 0x29,
  geluTanh: 0x2b,
  clip: 0x2e,
  geluErf: 0x31,
  round: 0x32,
  reluFromDst: 0x100,
  tanhFromDst: 0x101,
  logisticFromDst: 0x104,
  poolMax: 0x1ff,
  poolAvgIncludePadding: 0x2ff,
  poolAvgExcludePadding: 0x3ff,
  lrnAcrossChannels: 0xaff,
  add: 0x1fff0,
  mul: 0x1fff1,
  div: 0x1fff4,
  sub: 0x1fff5,
  softmax: 0x30000,
} as const;
export const Arg = {
  src: 1,
  src1: 2,
  dst: 17,
  weights: 33,
  bias: 41,
  mean: 49,
  variance: 50,
  scale: 51,
  shift: 52,
  workspace: 64,
  scratchpad: 80,
  diffSrc: 129,
  diffDst: 145,
  diffWeights: 161,
  diffBias: 169,
  diffScale: 255,
  diffShift: 256,
} as const;
/** Name of an argument index: `weights` for 33. Several primitives share an index. */
export const argName = (arg: number): string =>
  Object.entries(Arg).find(([, number]) => number === arg)?.[0] ?? 'operand';
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
export const TYPE = { bfloat16: 2, float32: 3, int32: 4, uint8: 6 } as const;
export type DnnlType = keyof typeof TYPE;

export type PostOp =
  | { readonly kind: 'eltwise'; readonly alg: number; readonly alpha: number; readonly beta: number }
  | { readonly kind: 'sum'; readonly scale: number }
  | { readonly kind: 'binary'; readonly alg: number; readonly md: Md };

export interface ConvGeometry {
  readonly strides: Dims;
  /** Dilation minus 1: for oneDNN a dense kernel has dilation 0. */
  readonly dilates: Dims;
  readonly padLeft: Dims;
  readonly padRight: Dims;
}

/** A call of the library returned an error. The engine turns it into a DeviceError that names the operation. */
export class NativeError extends Error {}
/** The library has no implementation for a request; the planner then tries another one. */
export class Unimplemented extends NativeError {}
