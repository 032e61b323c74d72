import { checkBooleans, checkNumber, checkOptionNames, shown } from '../../errors/arguments.js';
import { ShapeError, UsageError } from '../../errors/errors.js';
import { isShape, type Shape, sameShape, showShape } from '../../graph/types.js';
import * as ops from '../../ops/index.js';
import { Parameter } from '../../tensor/parameter.js';
import { Tensor } from '../../tensor/tensor.js';
import { nodeOf, showBoolean, showFloat } from '../arguments.js';
import { zeroWeights } from '../init.js';
import { Module } from '../module.js';

/** The distance from 1 to the next number of each type. */
const EPSILON = { float32: 2 ** -23, float64: 2 ** -52 } as const;

/**
 * Division by the root of the mean square over the last axes (arXiv:1910.07467): y = x / √(mean x² + eps) · weight.
 *
 * @example
 * new RMSNorm(192).forward(tokens); // [N, T, 192] → [N, T, 192]
 */
export class RMSNorm extends Module {
  readonly normalizedShape: Shape;
  /** The machine epsilon of the input's type if undefined. */
  readonly eps: number | undefined;
  readonly weight: Parameter | null;

  protected static override readonly parameterNames: readonly string[] = ['weight'];

  constructor(normalizedShape: number | Shape, options: { eps?: number; elementwiseAffine?: boolean } = {}) {
    super();
    checkOptionNames('RMSNorm', options, ['eps', 'elementwiseAffine']);
    const { eps, elementwiseAffine = true } = options;
    const shape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape;
    if (!isShape(shape) || shape.length === 0 || shape.includes(0))
      throw new UsageError({
        what: 'RMSNorm got a bad normalizedShape',
        expected: 'the sizes of the last axes, such as 192 or [16, 16]',
        got: shown(normalizedShape),
      });
    if (eps !== undefined)
      checkNumber('RMSNorm', 'eps', eps, { least: 0, expected: 'a number of at least 0' });
    checkBooleans('RMSNorm', { elementwiseAffine });
    this.normalizedShape = shape;
    this.eps = eps;
    this.weight = elementwiseAffine ? new Parameter(zeroWeights('RMSNorm', shape).fill(1), shape) : null;
  }

  forward(x: Tensor): Tensor {
    return this.scoped(() => {
      const node = nodeOf(this.typeName, x);
      const last = node.shape.slice(-this.normalizedShape.length);
      if (!sameShape(last, this.normalizedShape))
        throw new ShapeError({
          what: 'RMSNorm got an input of another size',
          expected: `an input whose last axes are ${showShape(this.normalizedShape)}`,
          got: showShape(node.shape),
        });
      const eps = this.eps ?? (node.dtype === 'float64' ? EPSILON.float64 : EPSILON.float32);
      const axes = last.map((_, i) => node.shape.length - last.length + i);
      const square = ops.affine(ops.mean(ops.square(node), axes, true), { scale: 1, shift: eps });
      const y = ops.div(node, ops.sqrt(square));
      return new Tensor(this.weight ? ops.mul(y, this.weight.node) : y);
    });
  }

  protected override extraRepr(): string {
    const { normalizedShape: shape, eps } = this;
    const sizes = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
    return `${sizes}, eps=${eps === undefined ? 'None' : showFloat(eps)}, elementwise_affine=${showBoolean(this.weight !== null)}`;
  }
}
