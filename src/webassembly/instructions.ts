/* Opcodes of WebAssembly's instructions (webassembly.github.io/spec, section 5.4). */

/** Vector instructions on 128 bits: four lanes of 32 bits, or two of 64. */
export const V = {
  load: 0,
  /** Four unsigned numbers of 16 bits, as 32 bits. */
  load16x4U: 4,
  load16Splat: 8,
  load32Splat: 9,
  store: 11,
  const: 12,
  /** Replaces one lane of a vector. */
  load32Lane: 86,
  store16Lane: 89,
  store32Lane: 90,
  store64Lane: 91,
  /** One number in the first lane, zeros in the others. */
  load32Zero: 92,
  load64Zero: 93,
  splatI32: 17,
  not: 77,
  bitselect: 82,
  and: 78,
  andnot: 79,
  or: 80,
  /** 1 if any bit of the vector is set, as an integer. */
  anyTrue: 83,
  i32Greater: 59,
  f32Equal: 65,
  f32NotEqual: 66,
  f32Less: 67,
  f32LessEqual: 69,
  f32Ceil: 103,
  f32Floor: 104,
  f32Nearest: 106,
  f32Abs: 224,
  f32Neg: 225,
  f32Sqrt: 227,
  f32Add: 228,
  f32Sub: 229,
  f32Mul: 230,
  f32Div: 231,
  f32Min: 232,
  f32Max: 233,
  /** b if b < a, else a; so a if a is NaN. One x86 instruction, where f32x4.min takes seven. */
  f32PMin: 234,
  /** b if a < b, else a; so a if a is NaN. */
  f32PMax: 235,
  i32Equal: 55,
  /** Saturating: signed 32 to signed 16 bits, and signed 16 to unsigned 8 bits. */
  narrowI32: 133,
  narrowI16: 102,
  /** The first and the last eight bytes, as 16 bits. */
  extendLowU8: 137,
  extendHighU8: 138,
  /** Sums of the products of two neighbouring signed 16-bit numbers. */
  dotI16: 186,
  i32Shl: 171,
  i32ShrS: 172,
  i32ShrU: 173,
  i32Add: 174,
  i32Sub: 177,
  /** Of signed integers. */
  i32Max: 184,
  convertI32: 250,
  /** Two float64 from the lower two of four integers. */
  convertLowI32: 254,
  promoteLow: 95,
  demote: 94,
  truncF64: 252,
  f64Nearest: 148,
  f64Sqrt: 239,
  f64Add: 240,
  f64Sub: 241,
  f64Mul: 242,
  f64Div: 243,
  f64Min: 244,
  f64Max: 245,
  shuffle: 13,
  /** a · b + c, rounded once where the processor has such an instruction, else twice. */
  f32RelaxedMadd: 261,
} as const;

/** Instructions on 32-bit integers; comparisons give 1 or 0. */
export const I = {
  isZero: 0x45,
  equal: 0x46,
  notEqual: 0x47,
  /** Signed. */
  less: 0x48,
  add: 0x6a,
  sub: 0x6b,
  mul: 0x6c,
  /** Unsigned. */
  div: 0x6e,
  /** Unsigned. */
  rem: 0x70,
  and: 0x71,
  shiftLeft: 0x74,
} as const;
