/** Range of f = m − 1 for a significand √½ ≤ m ≤ √2. */
const [LOW, HIGH] = [Math.SQRT1_2 - 1, Math.SQRT2 - 1];
/** Largest relative error of the fit: far below float32's 6e-8. */
const TOLERANCE = 4e-9;
const MAX_TERMS = 16;
/** Points between the nodes at which the error is measured. */
const CHECKS = 200;

/**
 * P of (1 + f)^exponent = 1 + f·P(f) for √½ ≤ 1 + f ≤ √2: the shortest polynomial, lowest coefficient first, that
 * interpolates at Chebyshev nodes and has a relative error of at most 4e-9.
 */
export function significandPower(exponent: number): readonly number[] {
  const wanted = (f: number): number => (f === 0 ? exponent : Math.expm1(exponent * Math.log1p(f)) / f);
  let coefficients: readonly number[] = [];
  for (let terms = 4; terms <= MAX_TERMS; terms++) {
    coefficients = interpolate(wanted, terms);
    if (largestError(coefficients, exponent) <= TOLERANCE) break;
  }
  return coefficients;
}

function largestError(coefficients: readonly number[], exponent: number): number {
  let largest = 0;
  for (let k = 0; k <= CHECKS; k++) {
    const f = LOW + ((HIGH - LOW) * k) / CHECKS;
    const value = 1 + f * coefficients.reduceRight((sum, c) => sum * f + c, 0);
    largest = Math.max(largest, Math.abs(value / (1 + f) ** exponent - 1));
  }
  return largest;
}

/** Coefficients of the polynomial that equals `wanted` at Chebyshev nodes, by Newton's divided differences. */
function interpolate(wanted: (f: number) => number, terms: number): number[] {
  const nodes = Array.from(
    { length: terms },
    (_, k) => (LOW + HIGH) / 2 + ((HIGH - LOW) / 2) * Math.cos((Math.PI * (k + 0.5)) / terms),
  );
  const differences = nodes.map(wanted);
  for (let order = 1; order < terms; order++)
    for (let k = terms - 1; k >= order; k--)
      differences[k] = (differences[k]! - differences[k - 1]!) / (nodes[k]! - nodes[k - order]!);
  // From Newton's form to powers of f.
  let coefficients: number[] = [];
  for (let k = terms - 1; k >= 0; k--) {
    const shifted = [0, ...coefficients];
    coefficients = shifted.map((c, i) => c - nodes[k]! * (coefficients[i] ?? 0));
    coefficients[0]! += differences[k]!;
  }
  return coefficients;
}
