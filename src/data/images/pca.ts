/** Principal components, sorted by decreasing eigenvalue. */
export interface Principal {
  readonly eigenvalues: readonly number[];
  /** `eigenvectors[i]` belongs to `eigenvalues[i]`, has norm 1, and its component of largest magnitude is positive. */
  readonly eigenvectors: readonly (readonly number[])[];
}

/** Maximum number of sweeps. Convergence is quadratic; a 3 × 3 matrix takes about five. */
const MAX_SWEEPS = 60;

/**
 * Eigenvalues and eigenvectors of a symmetric matrix by Jacobi rotations (Golub and Van Loan, "Matrix
 * Computations", section 8.5).
 */
export function principalComponents(covariance: readonly (readonly number[])[]): Principal {
  const n = covariance.length;
  const a = covariance.map((row) => [...row]);
  const v = a.map((_, i) => a.map((_, j) => (i === j ? 1 : 0)));
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    let off = 0;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) off += Math.abs(a[p]![q]!);
    if (off === 0) break;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) if (a[p]![q] !== 0) rotate(a, v, p, q);
  }
  const order = a.map((_, i) => i).sort((i, j) => a[j]![j]! - a[i]![i]!);
  return {
    eigenvalues: order.map((i) => a[i]![i]!),
    eigenvectors: order.map((i) => signed(v.map((row) => row[i]!))),
  };
}

/** Jacobi rotation in the plane of axes p and q: makes a[p][q] zero. */
function rotate(a: number[][], v: number[][], p: number, q: number): void {
  const theta = (a[q]![q]! - a[p]![p]!) / (2 * a[p]![q]!);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const cos = 1 / Math.sqrt(t * t + 1);
  const sin = t * cos;
  for (const row of [...a, ...v]) {
    const [x, y] = [row[p]!, row[q]!];
    row[p] = cos * x - sin * y;
    row[q] = sin * x + cos * y;
  }
  for (let k = 0; k < a.length; k++) {
    const [x, y] = [a[p]![k]!, a[q]![k]!];
    a[p]![k] = cos * x - sin * y;
    a[q]![k] = sin * x + cos * y;
  }
  a[p]![q] = 0;
  a[q]![p] = 0;
}

/** Fixes the sign of an eigenvector, which is arbitrary, so that results are reproducible. */
function signed(vector: number[]): number[] {
  const largest = vector.reduce((best, x) => (Math.abs(x) > Math.abs(best) ? x : best), 0);
  return largest < 0 ? vector.map((x) => -x) : vector;
}
