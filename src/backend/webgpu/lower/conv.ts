import { sameShape } from '../../../graph/types.js';
import type { Conv2dAttrs } from '../../../ops/conv2d.js';
import type { Builder } from '../builder.js';
import { numbers, PREPARE } from '../kernels/product.js';
import { emitProduct } from './product.js';

type Quad = readonly [number, number, number, number];

const NAMES = [
  'rows',
  'columns',
  'parts',
  'perGroup',
  'outPerGroup',
  'kh',
  'kw',
  'sh',
  'sw',
  'ph',
  'pw',
  'dh',
  'dw',
  'images',
  'channels',
  'height',
  'width',
  'out',
  'oh',
  'ow',
] as const;
const P = numbers(NAMES);
const AREA = `(${P.height} * ${P.width})`;
const OUT_AREA = `(${P.oh} * ${P.ow})`;
const TAPS = `(${P.kh} * ${P.kw})`;

interface Geometry {
  readonly x: Quad;
  readonly w: Quad;
  readonly y: Quad;
  readonly attrs: Conv2dAttrs;
}

function geometry(b: Builder, x: number, w: number, y: number, i: number): Geometry {
  const [xs, ws, ys] = [x, w, y].map((n) => b.node(n).shape as unknown as Quad) as [Quad, Quad, Quad];
  return { x: xs, w: ws, y: ys, attrs: b.node(i).attrs as unknown as Conv2dAttrs };
}

const params = ({ x, w, y, attrs }: Geometry, rows: number, columns: number): number[] => [
  rows,
  columns,
  1,
  w[1],
  w[0] / attrs.groups,
  w[2],
  w[3],
  ...attrs.stride,
  ...attrs.padding,
  ...attrs.dilation,
  x[0],
  x[1],
  x[2],
  x[3],
  y[1],
  y[2],
  y[3],
];

/** Loops over the taps of the filter, then over channels; what depends on the tap alone is computed outside of these. */
const taps = (
  channels: string,
): string => `for (var ky = 0u; ky < ${P.kh}; ky++) { for (var kx = 0u; kx < ${P.kw}; kx++) {
    let tap = ky * ${P.kw} + kx;
    ${PREPARE}
    for (var c = 0u; c < ${channels}; c++) {`;

export function lowerConv2d(b: Builder, i: number): void {
  const [x, w, bias] = b.node(i).inputs as [number, number, number | undefined];
  const g = geometry(b, x, w, i, i);
  const { groups } = g.attrs;
  const [rows, columns] = [g.w[0] / groups, g.y[0] * g.y[2] * g.y[3]];
  const inputs = b.node(i).inputs.map((input) => b.value(input));
  emitProduct(b, i, inputs, {
    rows,
    columns,
    layers: groups,
    length: g.w[1] * g.w[2] * g.w[3],
    splits: 1,
    params: params(g, rows, columns),
    place: `(n / ${OUT_AREA} * ${P.out} + layer * ${P.rows} + m) * ${OUT_AREA} + n % ${OUT_AREA}`,
    ...(bias === undefined ? {} : { bias: { input: 2, along: 'row' } }),
    product: {
      kernel: 'conv',
      inputs: inputs.length,
      start: `let weights = layer * ${P.rows} * ${P.perGroup} * ${TAPS};`,
      column: (n) => `let at${n} = column${n} % ${OUT_AREA};
    let y${n} = i32(at${n} / ${P.ow} * ${P.sh}) - i32(${P.ph});
    let x${n} = i32(at${n} % ${P.ow} * ${P.sw}) - i32(${P.pw});
    let base${n} = (column${n} / ${OUT_AREA} * ${P.channels} + layer * ${P.perGroup}) * ${AREA};`,
      open: taps(P.perGroup),
      prepare: (n) => `let py${n} = u32(y${n} + i32(ky * ${P.dh}));
    let px${n} = u32(x${n} + i32(kx * ${P.dw}));
    let ok${n} = py${n} < ${P.height} && px${n} < ${P.width};
    let from${n} = select(0u, base${n} + py${n} * ${P.width} + px${n}, ok${n});`,
      left: (row) => `in1(weights + (${row} * ${P.perGroup} + c) * ${TAPS} + tap)`,
      right: (n) => `select(0f, in0(from${n} + c * ${AREA}), ok${n})`,
      close: '} } }',
    },
  });
}

export function lowerConv2dGradInput(b: Builder, i: number): void {
  const [grad, w] = b.node(i).inputs as [number, number];
  const g = geometry(b, i, w, grad, i);
  const [rows, columns] = [g.w[1], g.x[0] * g.x[2] * g.x[3]];
  const inputs = [b.value(grad), b.value(w)];
  emitProduct(b, i, inputs, {
    rows,
    columns,
    layers: g.attrs.groups,
    length: (g.w[0] / g.attrs.groups) * g.w[2] * g.w[3],
    splits: 1,
    params: params(g, rows, columns),
    place: `(n / ${AREA} * ${P.channels} + layer * ${P.rows} + m) * ${AREA} + n % ${AREA}`,
    product: {
      kernel: 'conv to input',
      inputs: 2,
      start: `let weights = layer * ${P.outPerGroup} * ${P.perGroup} * ${TAPS};`,
      column: (n) => `let at${n} = column${n} % ${AREA};
    let y${n} = at${n} / ${P.width} + ${P.ph};
    let x${n} = at${n} % ${P.width} + ${P.pw};
    let base${n} = (column${n} / ${AREA} * ${P.out} + layer * ${P.outPerGroup}) * ${OUT_AREA};`,
      open: taps(P.outPerGroup),
      prepare: (n) => `let dy${n} = y${n} - ky * ${P.dh};
    let dx${n} = x${n} - kx * ${P.dw};
    let py${n} = dy${n} / ${P.sh};
    let px${n} = dx${n} / ${P.sw};
    let ok${n} = y${n} >= ky * ${P.dh} && x${n} >= kx * ${P.dw} && py${n} * ${P.sh} == dy${n} && px${n} * ${P.sw} == dx${n} && py${n} < ${P.oh} && px${n} < ${P.ow};
    let from${n} = select(0u, base${n} + py${n} * ${P.ow} + px${n}, ok${n});`,
      left: (row) => `in1(weights + (c * ${P.perGroup} + ${row}) * ${TAPS} + tap)`,
      right: (n) => `select(0f, in0(from${n} + c * ${OUT_AREA}), ok${n})`,
      close: '} } }',
    },
  });
}

export function lowerConv2dGradWeight(b: Builder, i: number): void {
  const [grad, x] = b.node(i).inputs as [number, number];
  const g = geometry(b, x, i, grad, i);
  const sums = sumsOf(b, i, grad, [0, 2, 3]);
  const [rows, own] = [g.w[0] / g.attrs.groups, g.w[1] * g.w[2] * g.w[3]];
  const columns = own + (sums === undefined ? 0 : 1);
  const width = sums === undefined ? P.columns : `(${P.columns} - 1u)`;
  const one = (n: number, value: string): string =>
    sums === undefined ? value : `select(${value}, 1f, one${n})`;
  const lines = g.y[0] * g.y[2];
  emitProduct(b, i, [b.value(grad), b.value(x)], {
    rows,
    columns,
    layers: g.attrs.groups,
    length: lines * g.y[3],
    splits: lines,
    params: params(g, rows, columns),
    place: `(layer * ${P.rows} + m) * ${width} + n`,
    ...(sums === undefined ? {} : { sums }),
    product: {
      kernel: 'conv to weights',
      inputs: 2,
      start: `let lines = ${P.images} * ${P.oh};
  let each = (lines + ${P.parts} - 1u) / ${P.parts};`,
      column: (n) => `let c${n} = column${n} / ${TAPS};
    ${sums === undefined ? '' : `let one${n} = column${n} + 1u == ${P.columns};`}
    let y${n} = i32(column${n} / ${P.kw} % ${P.kh} * ${P.dh}) - i32(${P.ph});
    let x${n} = i32(column${n} % ${P.kw} * ${P.dw}) - i32(${P.pw});`,
      open: `for (var line = part * each; line < min(lines, (part + 1u) * each); line++) {
    let image = line / ${P.oh};
    let oy = line % ${P.oh};
    let beside = (image * ${P.out} + layer * ${P.rows}) * ${OUT_AREA} + oy * ${P.ow};
    ${PREPARE}
    for (var ox = 0u; ox < ${P.ow}; ox++) {`,
      prepare: (n) => `let py${n} = u32(y${n} + i32(oy * ${P.sh}));
    let ok${n} = py${n} < ${P.height};
    let from${n} = (image * ${P.channels} + layer * ${P.perGroup} + c${n}) * ${AREA} + py${n} * ${P.width};`,
      left: (row) => `in0(beside + ${row} * ${OUT_AREA} + ox)`,
      right: (n) =>
        one(
          n,
          `select(0f, in1(from${n} + u32(x${n} + i32(ox * ${P.sw}))), ok${n} && u32(x${n} + i32(ox * ${P.sw})) < ${P.width})`,
        ),
      close: '} }',
    },
  });
}

/**
 * The node that sums a gradient over everything but its channels, such as the gradient of a bias, if it is still to be
 * computed: the product of the weights' gradient computes it too.
 */
export function sumsOf(b: Builder, i: number, grad: number, axes: readonly number[]): number | undefined {
  return b.users[grad]!.find((user) => {
    const { op, attrs } = b.node(user);
    const cluster = b.clusters.get(user);
    return (
      user !== i &&
      op === 'sum' &&
      cluster?.nodes.length === 1 &&
      !b.values[user] &&
      !b.done.has(user) &&
      sameShape(attrs.axes as readonly number[], axes)
    );
  });
}
