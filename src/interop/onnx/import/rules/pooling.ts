import type { Node } from '../../../../graph/node.js';
import { showShape } from '../../../../graph/types.js';
import type { Pair } from '../../../../ops/conv2d.js';
import * as ops from '../../../../ops/index.js';
import type { Operator, Rule } from '../operator.js';
import { cut, padded, padding } from '../windows.js';

type Pool = (x: Node, padding: Pair, ceilMode: boolean) => Node;

/**
 * Pools with another padding on each side, which our operations do not have. Windows that begin where they must
 * come from an equal padding on both sides that lets them reach beyond the end; what comes too many is cut off.
 */
function uneven(operator: Operator, x: Node, begin: Pair, counts: Pair, pool: Pool): Node {
  const y = pool(x, begin, true);
  return [0, 1].reduce((all, i) => {
    if (all.shape[2 + i]! < counts[i]!)
      operator.misfit('its padding', 'one that ends in the last window', `${counts[i]} windows`);
    return cut(all, 2 + i, 0, counts[i]!);
  }, y);
}

const pooling = (operator: Operator, kind: 'max' | 'average'): ReturnType<Rule> => {
  operator.arity(1);
  const kernel = operator.sizes('kernel_shape', 2, 1) as unknown as Pair | undefined;
  if (!kernel) operator.refuse('attribute "kernel_shape"', 'a window’s height and width', 'none');
  const stride = operator.pair('strides', [1, 1]);
  const dilation = operator.pair('dilations', [1, 1]);
  const ceilMode = operator.int('ceil_mode', 0) !== 0;
  const countIncludePad = kind === 'average' && operator.int('count_include_pad', 0) !== 0;
  if (kind === 'max') operator.ignore('storage_order');
  else if (dilation.some((d) => d !== 1))
    operator.refuse('attribute "dilations"', '1 × 1', dilation.join(' × '));
  const padsOf = padding(operator);
  return ([x]) => {
    if (x!.shape.length !== 4) operator.misfit('its input', 'images [N, C, H, W]', showShape(x!.shape));
    const size = x!.shape.slice(2);
    const pads = padsOf(size, { kernel, stride, dilation });
    const begin: Pair = [pads[0], pads[1]];
    const end: Pair = [pads[2], pads[3]];
    const pool: Pool = (input, padding, ceil) =>
      kind === 'max'
        ? ops.maxPool2d(input, { kernel, stride, padding, dilation, ceilMode: ceil })
        : ops.avgPool2d(input, { kernel, stride, padding, ceilMode: ceil, countIncludePad });
    if (begin[0] === end[0] && begin[1] === end[1]) return pool(x!, begin, ceilMode);
    // Where zeros count they can be there.
    if (countIncludePad) return pool(padded(x!, pads), [0, 0], ceilMode);
    const counts = [0, 1].map((i) => {
      const span = size[i]! + begin[i]! + end[i]! - dilation[i]! * (kernel[i]! - 1) - 1;
      const count = (ceilMode ? Math.ceil : Math.floor)(span / stride[i]!) + 1;
      return ceilMode && (count - 1) * stride[i]! >= size[i]! + begin[i]! ? count - 1 : count;
    }) as unknown as Pair;
    return uneven(operator, x!, begin, counts, pool);
  };
};

/** Averages over one of three directions, [k, 1, 1]: how PyTorch writes local response normalisation. */
const averageOfDepth: Rule = (operator) => {
  operator.arity(1);
  const kernel = operator.sizes('kernel_shape', 3, 1)!;
  const strides = operator.sizes('strides', 3, 1) ?? [1, 1, 1];
  const pads = operator.sizes('pads', 6, 0) ?? [0, 0, 0, 0, 0, 0];
  operator.word('auto_pad', ['NOTSET', 'VALID']);
  operator.only('ceil_mode', 0);
  operator.ignore('count_include_pad');
  if ([...kernel.slice(1), ...strides.slice(1)].some((v) => v !== 1) || pads.some((v) => v !== 0))
    operator.refuse('a window of three dimensions', '[k, 1, 1] without padding', `[${kernel.join(', ')}]`);
  return ([x]) => {
    const { shape } = x!;
    if (shape.length !== 5) operator.misfit('its input', '[N, C, D, H, W]', showShape(shape));
    const [n, c, d, h, w] = shape as [number, number, number, number, number];
    const flat = ops.avgPool2d(ops.reshape(x!, [n, c, d, h * w]), {
      kernel: [kernel[0]!, 1],
      stride: [strides[0]!, 1],
    });
    return ops.reshape(flat, [n, c, flat.shape[2]!, h, w]);
  };
};

const overAll =
  (pool: (x: Node) => Node): Rule =>
  (operator) => {
    operator.arity(1);
    return ([x]) => pool(x!);
  };

export const pools: Readonly<Record<string, Rule>> = {
  MaxPool: (operator) => pooling(operator, 'max'),
  AveragePool: (operator) =>
    operator.ints('kernel_shape')?.length === 3 ? averageOfDepth(operator) : pooling(operator, 'average'),
  GlobalAveragePool: overAll((x) => ops.adaptiveAvgPool2d(x, [1, 1])),
  GlobalMaxPool: overAll((x) => ops.max(x, [2, 3], true)),
};
