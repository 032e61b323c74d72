import type { Node } from '../../graph/node.js';
import { mul } from '../binary.js';
import { type Formula, f, substitute } from '../formula.js';
import { define, floatOf, type NodeMaker } from '../operation.js';
import { derivative } from './derivative.js';

type Numbers = Readonly<Record<string, number>>;
type Ordered = Numbers & { readonly order: number };

/**
 * An activation of which every derivative is a formula of the input: attribute `order` says which derivative a node
 * computes, 0 for the activation itself.
 */
function activation<A extends Numbers>(
  name: string,
  formula: (x: Formula, attrs: A) => Formula,
  numbers: readonly (keyof A & string)[] = [],
): (x: Node, attrs: A) => Node {
  const apply: NodeMaker<Ordered> = define<Ordered>({
    name,
    numbers,
    infer: ([x]) => ({ shape: x!.shape, dtype: floatOf(x) }),
    formula: ([x], attrs) => {
      let made = formula(f.input(0), attrs as unknown as A);
      for (let n = 0; n < attrs.order; n++) made = derivative(made, 0);
      return substitute(made, [x!]);
    },
    gradient: ({ inputs: [x], attrs }, grad) => {
      const next = { ...(attrs as Ordered), order: (attrs.order as number) + 1 };
      return [mul(grad, apply([x!], next))];
    },
  });
  return (x, attrs) => apply([x], { ...attrs, order: 0 });
}

const half = (x: Formula, inner: Formula): Formula => f.mul(f.mul(x, 0.5), f.add(inner, 1));
const geluOp = activation<{ tanh: number }>('gelu', (x, { tanh }) =>
  half(
    x,
    tanh
      ? f.tanh(f.mul(f.mul(x, Math.sqrt(2 / Math.PI)), f.add(f.mul(f.mul(x, x), 0.044715), 1)))
      : f.erf(f.mul(x, Math.SQRT1_2)),
  ),
);
/** y = x · Φ(x) with the normal distribution Φ (arXiv:1606.08415), or its approximation by tanh. */
export const gelu = (x: Node, approximate: 'none' | 'tanh' = 'none'): Node =>
  geluOp(x, { tanh: approximate === 'tanh' ? 1 : 0 });

const eluOp = activation<{ alpha: number }>(
  'elu',
  (x, { alpha }) => f.select(f.less(0, x), x, f.mul(f.sub(f.exp(x), 1), alpha)),
  ['alpha'],
);
/** y = x for x > 0, else alpha · (e^x − 1) (arXiv:1511.07289). */
export const elu = (x: Node, alpha = 1): Node => eluOp(x, { alpha });

const hardtanhOp = activation<{ min: number; max: number }>(
  'hardtanh',
  (x, { min, max }) => f.min(f.max(x, min), max),
  ['min', 'max'],
);
/** y = x limited to [min, max]. The gradient at the limits is 0, as in PyTorch. */
export const hardtanh = (x: Node, min = -1, max = 1): Node => hardtanhOp(x, { min, max });
/** y = x limited to [0, 6]. */
export const relu6 = (x: Node): Node => hardtanh(x, 0, 6);

const ramp = (x: Formula): Formula => f.min(f.max(f.mul(f.add(x, 3), 1 / 6), 0), 1);
const hardsigmoidOp = activation<Record<never, never>>('hardsigmoid', ramp);
/** y = (x + 3) / 6 limited to [0, 1] (arXiv:1905.02244). */
export const hardsigmoid = (x: Node): Node => hardsigmoidOp(x, {});
const hardswishOp = activation<Record<never, never>>('hardswish', (x) => f.mul(x, ramp(x)));
/** y = x · hardsigmoid(x) (arXiv:1905.02244). */
export const hardswish = (x: Node): Node => hardswishOp(x, {});

/**
 * tanh(log(1 + e)) = n / (n + 2) with n = e · (e + 2) and e = e^x. From x = 14 on it is 1 to 12 digits, so x is limited
 * to 14: then the powers of n in the derivatives do not overflow float32.
 */
const mishOp = activation<Record<never, never>>('mish', (x) => {
  const e = f.exp(f.min(x, 14));
  const n = f.mul(e, f.add(e, 2));
  return f.mul(x, f.div(n, f.add(n, 2)));
});
/** y = x · tanh(log(1 + e^x)) (arXiv:1908.08681). */
export const mish = (x: Node): Node => mishOp(x, {});
