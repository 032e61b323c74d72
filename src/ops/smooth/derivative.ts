import { type Formula, f, operandsOf } from '../formula.js';

const isConstant = (part: Formula, value: number): boolean =>
  part.kind === 'constant' && part.value === value;

/* Sums and products that leave out zeros and ones, so that derivatives stay short. */

const add = (a: Formula, b: Formula): Formula =>
  isConstant(a, 0)
    ? b
    : isConstant(b, 0)
      ? a
      : a.kind === 'constant' && b.kind === 'constant'
        ? f.constant(a.value + b.value)
        : f.add(a, b);

const neg = (x: Formula): Formula => (x.kind === 'constant' ? f.constant(0 - x.value) : f.neg(x));

const sub = (a: Formula, b: Formula): Formula =>
  isConstant(b, 0) ? a : isConstant(a, 0) ? neg(b) : f.sub(a, b);

function mul(a: Formula, b: Formula): Formula {
  if (isConstant(a, 0) || isConstant(b, 0)) return f.constant(0);
  if (isConstant(a, 1)) return b;
  if (isConstant(b, 1)) return a;
  return a.kind === 'constant' && b.kind === 'constant' ? f.constant(a.value * b.value) : f.mul(a, b);
}

const select = (condition: Formula, a: Formula, b: Formula): Formula =>
  a.kind === 'constant' && isConstant(b, a.value) ? a : f.select(condition, a, b);

/**
 * The derivative of a formula with respect to one of its inputs. At a kink of `max`, `min` or `abs` it is that of the
 * second operand, and 0 for `abs`; a `select` has the derivative of the branch that it takes.
 */
export function derivative(formula: Formula, input: number): Formula {
  const made = new Map<Formula, Formula>();
  const by = (part: Formula): Formula => {
    let found = made.get(part);
    if (!found) made.set(part, (found = rule(part, by, input)));
    return found;
  };
  return by(formula);
}

function rule(part: Formula, by: (part: Formula) => Formula, input: number): Formula {
  if (part.kind === 'input') return f.constant(part.index === input ? 1 : 0);
  const [first, second] = operandsOf(part) as [Formula, Formula];
  switch (part.kind) {
    case 'neg':
      return neg(by(first));
    case 'abs':
      return mul(by(first), f.sign(first));
    case 'sqrt':
      return mul(by(first), f.div(0.5, part));
    case 'exp':
      return mul(by(first), part);
    case 'log':
      return mul(by(first), f.div(1, first));
    case 'log1p':
      return mul(by(first), f.div(1, f.add(first, 1)));
    case 'tanh':
      return mul(by(first), f.sub(1, f.mul(part, part)));
    case 'erf':
      return mul(by(first), f.mul(2 / Math.sqrt(Math.PI), f.exp(f.neg(f.mul(first, first)))));
    case 'add':
      return add(by(first), by(second));
    case 'sub':
      return sub(by(first), by(second));
    case 'mul':
      return add(mul(by(first), second), mul(first, by(second)));
    case 'div': {
      const through = mul(by(first), f.div(1, second));
      return isConstant(by(second), 0) ? through : sub(through, mul(by(second), f.div(part, second)));
    }
    case 'max':
      return select(f.less(second, first), by(first), by(second));
    case 'min':
      return select(f.less(first, second), by(first), by(second));
    case 'pow': {
      const base = mul(by(first), f.mul(second, f.pow(first, f.sub(second, 1))));
      return isConstant(by(second), 0) ? base : add(base, mul(by(second), f.mul(part, f.log(first))));
    }
    case 'select':
      return select(part.condition, by(part.a), by(part.b));
    default:
      // Constants, comparisons, and functions that are constant between jumps.
      return f.constant(0);
  }
}
