import { isLargeGelu } from '../activations.js';
import { Alg, Arg } from '../api/dnnl.js';
import type { OneDnnBuilder } from '../builder.js';
import { overwrite, padded } from './elementwise.js';

const algorithm = (attrs: { readonly tanh?: unknown }): number =>
  attrs.tanh === 1 ? Alg.geluTanh : Alg.geluErf;

/** With vectors of 512 bits and erf by a shorter polynomial, the primitive takes a tenth of a vector kernel's time. */
export function lowerGelu(b: OneDnnBuilder, i: number): boolean {
  if (!isLargeGelu(b.graph, i)) return false;
  const { inputs, attrs } = b.node(i);
  const [x] = inputs as [number];
  const src = b.float32Form(x);
  const dst = overwrite(b, x, src);
  b.emitPrimitive(i, b.dnnl.eltwiseForward(algorithm(attrs), src.md, 0, 0), [
    [Arg.src, src],
    [Arg.dst, dst],
  ]);
  b.define(i, dst);
  return true;
}

/** dx = dy · gelu'(x), for a cluster of the derivative and the product. */
export function lowerGeluGrad(b: OneDnnBuilder, derivative: number, product: number): boolean {
  const { inputs, attrs } = b.node(derivative);
  const [x] = inputs as [number];
  const dy = b.node(product).inputs.find((input) => input !== derivative)!;
  const src = b.float32Form(x);
  if (padded(b, src)) return false;
  const grad = b.form(dy, src.dims, src.md);
  const d = b.dnnl;
  const alg = algorithm(attrs);
  const dst = overwrite(b, dy, grad);
  const pd = d.eltwiseBackward(alg, src.md, src.md, 0, 0, d.eltwiseForward(alg, src.md, 0, 0));
  b.emitPrimitive(product, pd, [
    [Arg.src, src],
    [Arg.diffDst, grad],
    [Arg.diffSrc, dst],
  ]);
  b.define(product, dst);
  return true;
}
