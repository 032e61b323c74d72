/*
 * The error function in float64 precision: W. J. Cody, "Rational Chebyshev approximations for the error
 * function", Mathematics of Computation 23 (1969), with the coefficients of his CALERF.
 */
const A = [
  3.1611237438705655, 113.86415415105016, 377.485237685302, 3209.3775891384694, 0.18577770618460315,
] as const;
const B = [23.601290952344122, 244.02463793444417, 1282.6165260773723, 2844.236833439171] as const;
const C = [
  0.5641884969886701, 8.883149794388377, 66.11919063714163, 298.6351381974001, 881.952221241769,
  1712.0476126340707, 2051.0783778260716, 1230.3393547979972, 2.1531153547440383e-8,
] as const;
const D = [
  15.744926110709835, 117.6939508913125, 537.1811018620099, 1621.3895745666903, 3290.7992357334597,
  4362.619090143247, 3439.3676741437216, 1230.3393548037495,
] as const;
const P = [
  0.30532663496123236, 0.36034489994980445, 0.12578172611122926, 0.016083785148742275, 0.0006587491615298378,
  0.016315387137302097,
] as const;
const Q = [
  2.568520192289822, 1.8729528499234673, 0.5279051029514285, 0.06051834131244132, 0.0023352049762686918,
] as const;

/** From here on, erf rounds to 1 in float64. */
const FAR = 6;

function inner(x: number): number {
  const square = x * x;
  let above = A[4] * square;
  let below = square;
  for (let i = 0; i < 3; i++) {
    above = (above + A[i]!) * square;
    below = (below + B[i]!) * square;
  }
  return (x * (above + A[3])) / (below + B[3]);
}

/** 1 − erf of a number from 0.46875 to 4. */
function middle(y: number): number {
  let above = C[8] * y;
  let below = y;
  for (let i = 0; i < 7; i++) {
    above = (above + C[i]!) * y;
    below = (below + D[i]!) * y;
  }
  return (Math.exp(-y * y) * (above + C[7])) / (below + D[7]);
}

/** 1 − erf of a number above 4. */
function outer(y: number): number {
  const inverse = 1 / (y * y);
  let above = P[5] * inverse;
  let below = inverse;
  for (let i = 0; i < 4; i++) {
    above = (above + P[i]!) * inverse;
    below = (below + Q[i]!) * inverse;
  }
  const tail = (inverse * (above + P[4])) / (below + Q[4]);
  return (Math.exp(-y * y) * (1 / Math.sqrt(Math.PI) - tail)) / y;
}

/** erf x, the integral of 2/√π · e^(−t²) from 0 to x. */
export function erf(x: number): number {
  const y = Math.abs(x);
  if (y <= 0.46875) return inner(x);
  if (y >= FAR || Number.isNaN(x)) return Number.isNaN(x) ? x : Math.sign(x);
  const rest = y <= 4 ? middle(y) : outer(y);
  return x < 0 ? rest - 1 : 1 - rest;
}
