import { hostLeaf, type Node } from '../../../../graph/node.js';
import { makeArray } from '../../../../graph/types.js';
import * as ops from '../../../../ops/index.js';
import type { Inputs, Operator, Rule } from '../operator.js';
import { checkSize } from '../refuse.js';
import { picks } from '../windows.js';

/** How an axis is resized: `to` positions from `from`, by a factor. */
interface Axis {
  readonly from: number;
  readonly to: number;
  readonly scale: number;
}

/** Where position i of the result lies in the input, by ONNX's name of the mode, in float32 as onnxruntime computes it. */
const COORDINATES: Readonly<Record<string, (i: number, axis: Axis) => number>> = {
  half_pixel: (i, { scale }) => Math.fround((i + 0.5) / scale) - 0.5,
  pytorch_half_pixel: (i, { to, scale }) => (to > 1 ? Math.fround((i + 0.5) / scale) - 0.5 : 0),
  half_pixel_symmetric: (i, { from, to, scale }) =>
    (from / 2) * (1 - to / (scale * from)) + (i + 0.5) / scale - 0.5,
  align_corners: (i, { from, to }) => (to > 1 ? Math.fround((i * (from - 1)) / (to - 1)) : 0),
  asymmetric: (i, { scale }) => Math.fround(i / scale),
  tf_half_pixel_for_nn: (i, { scale }) => Math.fround((i + 0.5) / scale),
};

const NEAREST: Readonly<Record<string, (at: number) => number>> = {
  round_prefer_floor: (at) => Math.ceil(at - 0.5),
  round_prefer_ceil: (at) => Math.floor(at + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

/** Maximum number of weights of an axis: 4096 positions from as many. */
const MOST_WEIGHTS = 2 ** 24;

/** Weights of linear interpolation, row-major [to, from]. */
function linearWeights(x: Node, { from, to }: Axis, at: (i: number) => number): Node {
  const weights = makeArray(x.dtype, to * from);
  for (let i = 0; i < to; i++) {
    const place = Math.max(0, Math.min(from - 1, at(i)));
    const low = Math.floor(place);
    weights[i * from + low]! += 1 - (place - low);
    weights[i * from + Math.min(from - 1, low + 1)]! += place - low;
  }
  return hostLeaf(weights, [to, from], x.dtype);
}

/** Sizes and factors of the resized axes; Upsample and Resize of opset 10 have factors only. */
function axesOf(operator: Operator): (inputs: Inputs) => Map<number, Axis> {
  const { opset, type } = operator;
  const old = type === 'Upsample' || opset < 11;
  if (type === 'Upsample' && opset < 9) operator.arity(1);
  else operator.arity(old ? 2 : 1, old ? 2 : 4);
  const attribute = type === 'Upsample' && opset < 9 ? operator.floats('scales') : undefined;
  const given = opset >= 18 ? operator.ints('axes') : undefined;
  return (inputs) => {
    const { shape } = inputs[0]!;
    const axes = operator.axes(given ?? shape.map((_, i) => i), shape.length);
    const listed = (position: number, what: string): readonly number[] | undefined => {
      const input = inputs[position];
      return input && !input.shape.includes(0) ? operator.known(input, what) : undefined;
    };
    const scales = attribute ?? listed(old ? 1 : 2, 'its scales');
    const sizes = old ? undefined : listed(3, 'its sizes');
    if ((scales === undefined) === (sizes === undefined))
      operator.misfit('its size', 'either scales or sizes', scales ? 'both' : 'neither');
    const values = (scales ?? sizes)!;
    if (values.length !== axes.length || !values.every((v) => v > 0 && Number.isFinite(v)))
      operator.misfit(
        scales ? 'its scales' : 'its sizes',
        `${axes.length} numbers above 0`,
        values.slice(0, 10).join(', '),
      );
    return new Map(
      axes.map((axis, i) => {
        const from = shape[axis]!;
        const [to, scale] = sizes
          ? [values[i]!, Math.fround(values[i]! / from)]
          : [Math.floor(from * values[i]!), values[i]!];
        if (to < 1) operator.misfit('its scales', 'at least one element left', `${from} × ${scale}`);
        return [axis, { from, to, scale }];
      }),
    );
  };
}

/** Resize and Upsample: nearest, or linearly along each axis. */
const resize: Rule = (operator) => {
  const { opset, type } = operator;
  const mode = operator.word('mode', ['nearest', 'linear']);
  const plain = type === 'Upsample' || opset < 11;
  const coordinates = plain
    ? 'asymmetric'
    : operator.word('coordinate_transformation_mode', Object.keys(COORDINATES));
  const rounding = plain ? 'floor' : operator.word('nearest_mode', Object.keys(NEAREST));
  if (!plain) {
    operator.only('exclude_outside', 0);
    operator.ignore('cubic_coeff_a', 'extrapolation_value');
  }
  if (opset >= 18) {
    operator.only('antialias', 0);
    operator.word('keep_aspect_ratio_policy', ['stretch']);
  }
  const read = axesOf(operator);
  return (inputs) => {
    const x = inputs[0]!;
    const axes = read(inputs);
    // ONNX takes the last position from the length before rounding, onnxruntime and PyTorch from the one after it.
    const cut = [...axes.values()].find(({ from, to, scale }) => Math.abs(from * scale - to) > 1e-4 * to);
    if (coordinates === 'align_corners' && cut)
      operator.misfit(
        'align_corners with its scales',
        'whole sizes, since programs differ about others',
        `${cut.from} × ${cut.scale}`,
        'export the model with sizes instead of scales',
      );
    checkSize(x.shape.map((d, i) => axes.get(i)?.to ?? d));
    return [...axes].reduce((y, [axis, size]) => {
      const { from, to, scale } = size;
      if (from === to && scale === 1) return y;
      const at = (i: number): number => COORDINATES[coordinates]!(i, size);
      if (mode === 'nearest') {
        const whole = NEAREST[rounding]!;
        return picks(y, axis, to, (i) => Math.max(0, Math.min(from - 1, whole(at(i)))));
      }
      if (from * to > MOST_WEIGHTS)
        operator.misfit('an axis', `at most ${MOST_WEIGHTS} weights`, `${from} × ${to}`);
      return ops.alongAxis(y, axis, linearWeights(y, size, at));
    }, x);
  };
};

export const resizes: Readonly<Record<string, Rule>> = { Resize: resize, Upsample: resize };
