/*
 * 16-bit floats. float16 (IEEE 754 binary16): sign, 5 bits of exponent (bias 15), 10 bits of mantissa. bfloat16: the
 * upper half of a float32. Conversions round to nearest, ties to even, as in PyTorch.
 */

/** Lookup table of all 65,536 float16 values, built on first use. */
let table: Float32Array | undefined;

function float16Table(): Float32Array {
  return Float32Array.from({ length: 65_536 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const mantissa = bits & 0x3ff;
    if (exponent === 31) return mantissa === 0 ? sign * Infinity : Number.NaN;
    // Subnormal numbers, below 2^-14, have no implicit leading 1.
    if (exponent === 0) return sign * mantissa * 2 ** -24;
    return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
  });
}

/** Converts float16 bits to float32, exactly. */
export function fromFloat16(bits: Uint16Array): Float32Array {
  table ??= float16Table();
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = table[bits[i]!]!;
  return values;
}

const words = (values: Float32Array): Uint32Array =>
  new Uint32Array(values.buffer, values.byteOffset, values.length);

/** Converts bfloat16 bits to float32, exactly. @param values where to write them; default: a new array */
export function fromBfloat16(
  bits: Uint16Array,
  values: Float32Array = new Float32Array(bits.length),
): Float32Array {
  const target = words(values);
  for (let i = 0; i < bits.length; i++) target[i] = bits[i]! << 16;
  return values;
}

/**
 * Rounds float32 to bfloat16; values beyond the largest one become infinite.
 *
 * @param bits where to write them; default: a new array
 */
export function toBfloat16(
  values: Float32Array,
  bits: Uint16Array = new Uint16Array(values.length),
): Uint16Array {
  const source = words(values);
  for (let i = 0; i < source.length; i++) {
    const x = source[i]!;
    // NaN must stay NaN: rounding its lower bits up could turn it into infinity.
    if ((x & 0x7fffffff) > 0x7f800000) bits[i] = (x >>> 16) | 0x40;
    else bits[i] = (x + 0x7fff + ((x >>> 16) & 1)) >>> 16;
  }
  return bits;
}

/** Rounds float32 to float16; magnitudes from 65,520 on become infinite, those up to 2^-25 zero. */
export function toFloat16(values: Float32Array): Uint16Array {
  const source = words(values);
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const x = source[i]!;
    const sign = (x >>> 16) & 0x8000;
    const magnitude = x & 0x7fffffff;
    bits[i] = sign | float16Magnitude(magnitude);
  }
  return bits;
}

function float16Magnitude(x: number): number {
  if (x > 0x7f800000) return 0x7e00;
  // 65,520 is half-way between the largest float16 and the next power of two.
  if (x >= 0x477ff000) return 0x7c00;
  const exponent = (x >>> 23) - 127;
  if (exponent >= -14) {
    const shifted = x - ((127 - 15) << 23);
    return (shifted + 0xfff + ((shifted >>> 13) & 1)) >>> 13;
  }
  // 2^-25 is a tie between zero and 2^-24; zero is even.
  if (x <= 0x33000000) return 0;
  const mantissa = (x & 0x7fffff) | 0x800000;
  const shift = -exponent - 1;
  const half = (1 << (shift - 1)) - 1;
  return (mantissa + half + ((mantissa >>> shift) & 1)) >>> shift;
}
