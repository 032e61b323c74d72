import { ERF, ERF_TAIL, EXP, LOG, TANH } from '../../simd/functions/polynomials.js';

/*
 * Functions of float32 numbers in WGSL. Compilers for GPUs may assume that no number is NaN or infinite, so both are
 * recognised by their bits. The error of WGSL's own log is absolute near 1, so polynomials are used.
 */

/** A number as WGSL text. */
export function literal(x: number): string {
  const single = Math.fround(x);
  if (Number.isNaN(single)) return 'notNumber()';
  if (!Number.isFinite(single)) return single > 0 ? 'infinity()' : '(-infinity())';
  const text = `${single}f`;
  return single < 0 || Object.is(single, -0) ? `(${Object.is(single, -0) ? '-0f' : text})` : text;
}

/** A polynomial, lowest coefficient first, by Horner's rule. */
const polynomial = (x: string, coefficients: readonly number[]): string =>
  coefficients.reduceRight((inner, c) => (inner ? `(${literal(c)} + ${x} * ${inner})` : literal(c)), '');

const FUNCTIONS: Readonly<Record<string, string>> = {
  // Private variables, since constant expressions must not be NaN or infinite.
  infinity:
    'var<private> infinityBits: u32 = 0x7f800000u;\nfn infinity() -> f32 { return bitcast<f32>(infinityBits); }',
  notNumber:
    'var<private> notNumberBits: u32 = 0x7fc00000u;\nfn notNumber() -> f32 { return bitcast<f32>(notNumberBits); }',
  isNaN: 'fn isNaN(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }',
  isFinite: 'fn isFinite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }',
  // The smallest integer for numbers that none of 32 bits represents, as in PyTorch.
  integerOf: `fn integerOf(x: f32) -> i32 {
  let exponent = (bitcast<u32>(x) >> 23u) & 255u;
  if (exponent > 157u) { return bitcast<i32>(0x80000000u); }
  return i32(x);
}`,
  // The same number. No array is empty, but a compiler does not know that. Each use has its own n, so that two uses differ.
  opaque:
    'fn opaque(x: f32, n: u32) -> f32 { return bitcast<f32>(bitcast<u32>(x) | select(0u, n, arrayLength(&O0_0) == 0u)); }',
  timesTwoTo: `fn timesTwoTo(x: f32, exponent: i32) -> f32 {
  let part = exponent >> 1u;
  return x * bitcast<f32>((part + 127) << 23u) * bitcast<f32>((exponent - part + 127) << 23u);
}`,
  toHalf: `fn toHalf(x: f32) -> f16 {
  if (isFinite(x)) { return f16(x); }
  let bits = ((bitcast<u32>(x) >> 16u) & 0x8000u) | select(0x7c00u, 0x7e00u, isNaN(x));
  return bitcast<vec2<f16>>(bits).x;
}`,
  maxOf: 'fn maxOf(a: f32, b: f32) -> f32 { return select(select(max(a, b), b, isNaN(b)), a, isNaN(a)); }',
  minOf: 'fn minOf(a: f32, b: f32) -> f32 { return select(select(min(a, b), b, isNaN(b)), a, isNaN(a)); }',
  signOf: 'fn signOf(x: f32) -> f32 { return select(sign(x), x, isNaN(x)); }',
  rootOf: 'fn rootOf(x: f32) -> f32 { return select(select(sqrt(x), notNumber(), x < 0), x, isNaN(x)); }',
  // A power, so −0 and −∞ are as 0 and ∞.
  inverseRootOf: `fn inverseRootOf(x: f32) -> f32 {
  return select(select(1f / sqrt(abs(x)), notNumber(), x < 0f && isFinite(x)), x, isNaN(x));
}`,
  expOf: `fn expOf(x: f32) -> f32 {
  let y = clamp(x, -104f, 89f);
  let n = round(y * ${literal(Math.LOG2E)});
  let r = (y - n * 0.693359375f) - n * ${literal(-2.1219444005469057e-4)};
  let p = 1f + (r + r * r * ${polynomial('r', EXP)});
  let half = i32(n) >> 1u;
  let power = bitcast<f32>((half + 127) << 23u) * p;
  let usual = power * bitcast<f32>((i32(n) - half + 127) << 23u);
  return select(select(usual, infinity(), x > 88.7228394f), x, isNaN(x));
}`,
  logOf: `fn logOf(x: f32) -> f32 {
  let tiny = x < 1.17549435e-38f;
  let bits = bitcast<i32>(select(x, x * 8388608f, tiny));
  let shift = (bits - 0x3f3504f3) >> 23u;
  let f = bitcast<f32>(bits - (shift << 23u)) - 1f;
  let e = f32(shift) - select(0f, 23f, tiny);
  let square = f * f;
  let usual = ((f * square * ${polynomial('f', LOG)} - e * ${literal(2.1219444005469057e-4)}) - 0.5f * square + f) + e * 0.693359375f;
  let special = select(select(x, -infinity(), x == 0f), notNumber(), x < 0f);
  return select(select(special, x, isNaN(x)), usual, x > 0f && isFinite(x));
}`,
  // Not from the rounding error of 1 + x: compilers find that (1 + x) − 1 is x.
  log1pOf: `fn log1pOf(x: f32) -> f32 {
  let square = x * x;
  let near = (x * square * ${polynomial('x', LOG)} - 0.5f * square) + x;
  return select(logOf(1f + x), near, x > -0.29f && x < 0.41f);
}`,
  tanhOf: `fn tanhOf(x: f32) -> f32 {
  let t = abs(x);
  let square = x * x;
  let far = 1f - 2f / (expOf(2f * min(t, 20f)) + 1f);
  let signed = select(far, -far, x < 0f);
  return select(select(signed, x + x * square * ${polynomial('square', TANH)}, t < 0.625f), x, isNaN(x));
}`,
  erfOf: `fn erfOf(x: f32) -> f32 {
  let t = min(abs(x), 4f);
  let square = t * t;
  let far = 1f - expOf(-t * (1f + ${polynomial('t', ERF_TAIL)}));
  let near = t + t * ${polynomial('square', ERF)};
  let size = select(select(far, near, t < 1f), 1f, t >= 4f);
  return select(select(size, -size, x < 0f), x, isNaN(x));
}`,
  powerOf: `fn powerOf(a: f32, b: f32) -> f32 {
  if (isNaN(a) || isNaN(b)) {
    let one = (!isNaN(b) && b == 0f) || (!isNaN(a) && a == 1f);
    return select(notNumber(), 1f, one);
  }
  if (b == 0f || a == 1f) { return 1f; }
  let size = abs(a);
  let whole = floor(b) == b;
  let odd = whole && abs(b) < 16777216f && (i32(b) & 1) != 0;
  if (!isFinite(b)) { return select(select(infinity(), 0f, (size > 1f) != (b > 0f)), 1f, size == 1f); }
  if (size == 0f) { let y = select(0f, infinity(), b < 0f); return select(y, -y, odd && bitcast<i32>(a) < 0); }
  if (a < 0f && !whole && isFinite(a)) { return notNumber(); }
  let y = expOf(b * logOf(size));
  return select(y, -y, a < 0f && odd);
}`,
};

/** The functions of this file that a piece of WGSL calls, directly or through others. */
export function functionsFor(code: string): string {
  const used = new Set<string>();
  const visit = (text: string): void => {
    for (const [name, body] of Object.entries(FUNCTIONS))
      if (!used.has(name) && new RegExp(`\\b${name}\\(`).test(text)) {
        used.add(name);
        visit(body);
      }
  };
  visit(code);
  return [...used].map((name) => FUNCTIONS[name]).join('\n');
}
