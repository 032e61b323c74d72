/** Largest |s| of s = (m − 1) / (m + 1) for a significand √½ ≤ m ≤ √2. */
const LARGEST = (Math.SQRT2 - 1) / (Math.SQRT2 + 1);
/** Squares of the positive Chebyshev nodes of s, of six nodes in all. */
const NODES = [1, 3, 5].map((k) => (LARGEST * Math.cos((Math.PI * k) / 12)) ** 2) as [number, number, number];

/**
 * P of tanh(exponent · atanh s) = s·P(s²) for −1 < exponent < 1, lowest coefficient first: the polynomial of degree 2
 * that interpolates at Chebyshev nodes. The error is at most 3e-9.
 */
export function significandPower(exponent: number): readonly [number, number, number] {
  const [z0, z1, z2] = NODES;
  const wanted = (z: number): number => Math.tanh(exponent * Math.atanh(Math.sqrt(z))) / Math.sqrt(z);
  // Newton's divided differences
  const [d0, d1, d2] = [wanted(z0), wanted(z1), wanted(z2)];
  const [d01, d12] = [(d1 - d0) / (z1 - z0), (d2 - d1) / (z2 - z1)];
  const d012 = (d12 - d01) / (z2 - z0);
  return [d0 - z0 * (d01 - z1 * d012), d01 - (z0 + z1) * d012, d012];
}
