import type { Node } from '../../../../graph/node.js';
import { showShape, sizeOf } from '../../../../graph/types.js';
import * as ops from '../../../../ops/index.js';
import type { Operator, Rule } from '../operator.js';

/** x minus its mean over some axes, and the standard deviation by which to divide. */
function centred(x: Node, axes: readonly number[], eps: number): { mean: Node; rest: Node; root: Node } {
  const mean = ops.mean(x, axes, true);
  const rest = ops.sub(x, mean);
  return { mean, rest, root: rootMeanSquare(rest, axes, eps) };
}
const rootMeanSquare = (x: Node, axes: readonly number[], eps: number): Node =>
  ops.sqrt(ops.affine(ops.mean(ops.square(x), axes, true), { scale: 1, shift: eps }));

/** Reshapes values per channel to broadcast with x [N, C, …]. */
function perChannel(operator: Operator, v: Node, x: Node): Node {
  if (x.shape.length < 2 || sizeOf(v.shape) !== x.shape[1])
    operator.misfit(
      'its scale and shift',
      'one value for each channel',
      `${showShape(v.shape)} for ${showShape(x.shape)}`,
    );
  return ops.reshape(
    v,
    x.shape.map((d, i) => (i === 1 ? d : 1)),
  );
}

function affine(x: Node, scale: Node | undefined, shift: Node | undefined): Node {
  const scaled = scale ? ops.mul(x, scale) : x;
  return shift ? ops.add(scaled, shift) : scaled;
}

/** Normalises the axes from `axis` on. */
function byRows(x: Node, axis: number, eps: number): Node {
  const rows = sizeOf(x.shape.slice(0, axis));
  return ops.reshape(ops.normalizeRows(ops.reshape(x, [rows, sizeOf(x.shape) / rows]), eps), x.shape);
}

/** The axes from the attribute `axis` to the last. */
function lastAxes(operator: Operator): (x: Node) => number[] {
  const given = operator.int('axis', -1);
  return (x) => {
    const from = operator.axes([given], x.shape.length)[0]!;
    return x.shape.map((_, i) => i).slice(from);
  };
}

/** LayerNormalization; further results are the mean and the inverse standard deviation. */
const layerNormalization: Rule = (operator) => {
  operator.arity(2, 3);
  operator.ignore('stash_type');
  const eps = operator.float('epsilon', 1e-5);
  const axesOf = lastAxes(operator);
  return ([x, scale, shift]) => {
    const axes = axesOf(x!);
    if (operator.output === 0) return affine(byRows(x!, axes[0]!, eps), scale, shift);
    const { mean, root } = centred(x!, axes, eps);
    return operator.output === 1 ? mean : ops.pow(root, { exponent: -1 });
  };
};

const rmsNormalization: Rule = (operator) => {
  operator.arity(2);
  operator.ignore('stash_type');
  const eps = operator.float('epsilon', 1e-5);
  const axesOf = lastAxes(operator);
  return ([x, scale]) => affine(ops.div(x!, rootMeanSquare(x!, axesOf(x!), eps)), scale, undefined);
};

const instanceNormalization: Rule = (operator) => {
  operator.arity(3);
  if (operator.opset < 6) operator.ignore('consumed_inputs');
  const eps = operator.float('epsilon', 1e-5);
  return ([x, scale, shift]) => {
    const [a, b] = [perChannel(operator, scale!, x!), perChannel(operator, shift!, x!)];
    return affine(byRows(x!, 2, eps), a, b);
  };
};

/** GroupNormalization: scale and shift have one value per group in opsets 18 to 20, and per channel from 21 on. */
const groupNormalization: Rule = (operator) => {
  operator.arity(3);
  operator.ignore('stash_type');
  const eps = operator.float('epsilon', 1e-5);
  const groups = operator.int('num_groups', 0);
  return ([x, scale, shift]) => {
    const [n, c, ...sides] = x!.shape as [number, number, ...number[]];
    const each = c / groups;
    if (!(groups >= 1 && Number.isInteger(each)))
      operator.misfit('num_groups', `a number that divides ${c} channels`, String(groups));
    const grouped = ops.reshape(x!, [n, groups, each * sizeOf(sides)]);
    const normal = byRows(grouped, 2, eps);
    if (operator.opset < 21) {
      const y = affine(normal, perChannel(operator, scale!, grouped), perChannel(operator, shift!, grouped));
      return ops.reshape(y, x!.shape);
    }
    const back = ops.reshape(normal, x!.shape);
    return affine(back, perChannel(operator, scale!, x!), perChannel(operator, shift!, x!));
  };
};

const meanVarianceNormalization: Rule = (operator) => {
  operator.arity(1);
  const given = operator.ints('axes') ?? [0, 2, 3];
  return ([x]) => {
    const axes = operator.axes(given, x!.shape.length);
    const { rest } = centred(x!, axes, 0);
    const deviation = ops.sqrt(ops.mean(ops.square(rest), axes, true));
    return ops.div(rest, ops.affine(deviation, { scale: 1, shift: 1e-9 }));
  };
};

/** LpNormalization: divides by the 1- or 2-norm; a zero norm gives zeros. */
const lpNormalization: Rule = (operator) => {
  operator.arity(1);
  const given = operator.int('axis', -1);
  const p = operator.int('p', 2);
  if (p !== 1 && p !== 2) operator.refuse('attribute "p"', '1 or 2', String(p));
  return ([x]) => {
    const axes = operator.axes([given], x!.shape.length);
    const length = p === 1 ? ops.sum(ops.abs(x!), axes, true) : ops.sqrt(ops.sum(ops.square(x!), axes, true));
    return ops.where(length, ops.div(x!, length), ops.scaleBy(length, 0));
  };
};

export const norms: Readonly<Record<string, Rule>> = {
  LayerNormalization: layerNormalization,
  RMSNormalization: rmsNormalization,
  InstanceNormalization: instanceNormalization,
  GroupNormalization: groupNormalization,
  MeanVarianceNormalization: meanVarianceNormalization,
  LpNormalization: lpNormalization,
};
