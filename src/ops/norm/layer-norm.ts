import type { Node } from '../../graph/node.js';
import { sameShape, showShape, sizeOf } from '../../graph/types.js';
import { add, mul, sub } from '../binary.js';
import { define, floatOf, type NodeMaker, naming, need, refuse } from '../operation.js';
import { mean } from '../reduce.js';
import { reshape } from '../shape.js';
import { affine, neg, pow, square } from '../unary.js';

type Eps = { readonly eps: number };

/** x̂ = (x − mean) · s and s = 1 / √(var + eps) of each row, in differentiable operations. */
function normalised(x: Node, eps: number): { normal: Node; inverse: Node } {
  const centred = sub(x, mean(x, [1], true));
  const variance = mean(square(centred), [1], true);
  const inverse = pow(affine(variance, { scale: 1, shift: eps }), { exponent: -0.5 });
  return { normal: mul(centred, inverse), inverse };
}

const backward: NodeMaker<Eps> = define<Eps>({
  name: 'normalizeRowsGrad',
  infer: ([grad, x]) => ({ shape: x!.shape, dtype: floatOf(grad, x) }),
  /*
   * The result is A(g) with A(v) = s · (v − ⟨v⟩ − x̂ · ⟨v · x̂⟩), where ⟨·⟩ is the mean of a row. A is linear and its own
   * transpose. The gradient with respect to x, given the gradient u with respect to the result, is
   * −s · (⟨g · x̂⟩ · A(u) + ⟨u · x̂⟩ · A(g)) − s² · x̂ · (⟨u · g⟩ − ⟨u⟩ · ⟨g⟩ − ⟨u · x̂⟩ · ⟨g · x̂⟩).
   */
  gradient: (node, u) => {
    const [g, x] = node.inputs as [Node, Node];
    const attrs = node.attrs as Eps;
    const { normal, inverse } = normalised(x, attrs.eps);
    const average = (a: Node, b?: Node): Node => mean(b ? mul(a, b) : a, [1], true);
    const [au, ag] = [backward([u, x], attrs), backward([g, x], attrs)];
    const [un, gn] = [average(u, normal), average(g, normal)];
    const spread = sub(sub(average(u, g), mul(average(u), average(g))), mul(un, gn));
    const through = mul(inverse, add(mul(gn, au), mul(un, ag)));
    return [au, neg(add(through, mul(mul(square(inverse), spread), normal)))];
  },
});

const forward: NodeMaker<Eps> = define<Eps>({
  name: 'normalizeRows',
  infer: ([x]) => {
    need(x!.shape.length === 2, 'rows [N, D]', x!.shape);
    return { shape: x!.shape, dtype: floatOf(x) };
  },
  gradient: ({ inputs: [x], attrs }, grad) => [backward([grad, x!], attrs as Eps)],
});

/** (x − mean) / √(var + eps) of each row of [N, D], with the biased variance. */
export const normalizeRows = (x: Node, eps: number): Node => forward([x], { eps });

/** Views a tensor as rows of `width` elements, each of which is normalised separately. */
const asRows = (x: Node, width: number, eps: number): Node =>
  reshape(normalizeRows(reshape(x, [sizeOf(x.shape) / width, width]), eps), x.shape);

/**
 * Layer normalisation over the last axes (Ba, Kiros & Hinton 2016): y = (x − mean) / √(var + eps) · gamma + beta.
 *
 * @param shape sizes of the last axes, which gamma and beta have too
 */
export function layerNorm(
  x: Node,
  shape: readonly number[],
  gamma?: Node | null,
  beta?: Node | null,
  eps = 1e-5,
): Node {
  naming('layerNorm', [x], () => {
    const last = x.shape.slice(x.shape.length - shape.length);
    if (shape.length === 0 || shape.length > x.shape.length || !sameShape(last, shape))
      refuse(`an input whose last axes are ${showShape(shape)}`, showShape(x.shape));
    need(sizeOf(shape) > 0, 'at least one element to normalise', shape);
  });
  return scaled(asRows(x, sizeOf(shape), eps), gamma, beta);
}

function scaled(x: Node, gamma?: Node | null, beta?: Node | null): Node {
  const grown = gamma ? mul(x, gamma) : x;
  return beta ? add(grown, beta) : grown;
}

/**
 * Group normalisation (Wu & He 2018): the channels of [N, C, …] are divided into `groups` groups, each normalised
 * separately; gamma and beta are [C].
 */
export function groupNorm(
  x: Node,
  groups: number,
  gamma?: Node | null,
  beta?: Node | null,
  eps = 1e-5,
): Node {
  const c = x.shape[1]!;
  const width = sizeOf(x.shape.slice(1)) / groups;
  naming('groupNorm', [x], () => {
    need(x.shape.length >= 2, 'an input [N, C, …]', x.shape);
    need(
      Number.isInteger(groups) && groups >= 1 && c % groups === 0,
      () => `groups that divide ${c} channels`,
      () => String(groups),
    );
    need(width > 0, 'at least one element to normalise', x.shape);
  });
  const perChannel = (v: Node): Node =>
    reshape(
      v,
      x.shape.slice(1).map((d, i) => (i === 0 ? d : 1)),
    );
  const normal = asRows(x, width, eps);
  return scaled(normal, gamma && perChannel(gamma), beta && perChannel(beta));
}
