import type { Kernel } from './kernel.js';

/*
 * The error function to the last digits of float64: W. J. Cody, "Rational Chebyshev approximations for the error
 * function", Mathematics of Computation 23 (1969), with the coefficients of his CALERF.
 */
const A = [
  3.1611237438705656, 113.864154151050156, 377.485237685302021, 3209.37758913846947, 0.185777706184603153,
] as const;
const B = [23.6012909523441209, 244.024637934444173, 1282.61652607737228, 2844.23683343917062] as const;
const C = [
  0.564188496988670089, 8.88314979438837594, 66.1191906371416295, 298.635138197400131, 881.95222124176909,
  1712.04761263407058, 2051.07837782607147, 1230.33935479799725, 2.15311535474403846e-8,
] as const;
const D = [
  15.7449261107098347, 117.693950891312499, 537.181101862009858, 1621.38957456669019, 3290.79923573345963,
  4362.61909014324716, 3439.36767414372164, 1230.33935480374942,
] as const;
const P = [
  0.305326634961232344, 0.360344899949804439, 0.125781726111229246, 0.0160837851487422766,
  0.000658749161529837803, 0.0163153871373020978,
] as const;
const Q = [
  2.56852019228982242, 1.87295284992346725, 0.527905102951428412, 0.0605183413124413191, 0.00233520497626869185,
] as const;

/** From here on the result is 1 in float64. */
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

export const erf: Kernel = ({ inputs: [x], output }) => {
  for (let i = 0; i < output.length; i++) {
    const value = x![i]!;
    const y = Math.abs(value);
    if (y <= 0.46875) output[i] = inner(value);
    else if (y < FAR) {
      const rest = y <= 4 ? middle(y) : outer(y);
      output[i] = value < 0 ? rest - 1 : 1 - rest;
    } else output[i] = Number.isNaN(value) ? value : Math.sign(value);
  }
};
