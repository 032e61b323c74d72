import { sameShape } from '../../../graph/types.js';
import type { Conv2dAttrs } from '../../../ops/conv2d.js';
import type { WebGpuBuilder } from '../builder.js';
import { numbers, PREPARE } from '../kernels/product.js';
import type { Scale } from './half.js';
import { emitProduct } from './product.js';

type Quad = readonly [number, number, number, number];

const NAMES = [
  'rows',
  'columns',
  'parts',
  'from',
  'fromRow',
  'fromLayer',
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
/** What is known of each column of every convolution: where it begins, and where it lies for the present tap. */
const PLACES = { base: 'u32', start: 'u32', inside: 'bool' } as const;
const TAPS = `(${P.kh} * ${P.kw})`;

interface Geometry {
  readonly x: Quad;
  readonly w: Quad;
  readonly y: Quad;
  readonly attrs: Conv2dAttrs;
}

function geometry(b: WebGpuBuilder, x: number, w: number, y: number, i: number): Geometry {
  const [xs, ws, ys] = [x, w, y].map((n) => b.node(n).shape as unknown as Quad) as [Quad, Quad, Quad];
  return { x: xs, w: ws, y: ys, attrs: b.node(i).attrs as unknown as Conv2dAttrs };
}

const params = ({ x, w, y, attrs }: Geometry, rows: number, columns: number): number[] => [
  rows,
  columns,
  1,
  0,
  0,
  0,
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

/** Loops over the taps of the filter, in which one over channels lies: what depends on the tap alone is computed once. */
const TAP_LOOPS = {
  open: `for (var ky = 0u; ky < ${P.kh}; ky++) { for (var kx = 0u; kx < ${P.kw}; kx++) {
    let tap = ky * ${P.kw} + kx;
    ${PREPARE}`,
  close: '} }',
};
const counted = (name: string, end: string) => ({ name, first: '0u', end });

/** Images [N, C, H, W] are scaled one by one, each group of channels by itself. @param image WGSL for its number */
const eachImage = ([n, c, h, w]: Quad, groups: number, image: string): Scale => ({
  outer: n * groups,
  over: 1,
  kept: 1,
  inner: (c / groups) * h * w,
  group: `${image} * ${groups}u + layer`,
});

/** Each channel of images [N, C, H, W] is scaled by itself. @param group WGSL for its number */
const eachChannel = ([n, c, h, w]: Quad, group: string): Scale => ({
  outer: 1,
  over: n,
  kept: c,
  inner: h * w,
  group,
});

export function lowerConv2d(b: WebGpuBuilder, i: number): void {
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
    evenly: (by) => g.w[1] % by === 0,
    params: params(g, rows, columns),
    place: `(n / ${OUT_AREA} * ${P.out} + layer * ${P.rows} + m) * ${OUT_AREA} + n % ${OUT_AREA}`,
    scales: [
      eachImage(g.x, groups, `n / ${OUT_AREA}`),
      { outer: g.w[0], over: 1, kept: 1, inner: g.w[1] * g.w[2] * g.w[3], group: `layer * ${P.rows} + m` },
    ],
    ...(bias === undefined ? {} : { bias: { input: 2, along: 'row' } }),
    product: {
      kernel: 'conv',
      start: `let weights = layer * ${P.rows} * ${P.perGroup} * ${TAPS};`,
      known: { y: 'i32', x: 'i32', ...PLACES },
      column: `let at = column % ${OUT_AREA};
    y[q] = i32(at / ${P.ow} * ${P.sh}) - i32(${P.ph});
    x[q] = i32(at % ${P.ow} * ${P.sw}) - i32(${P.pw});
    base[q] = (column / ${OUT_AREA} * ${P.channels} + layer * ${P.perGroup}) * ${AREA};`,
      ...TAP_LOOPS,
      inner: counted('c', P.perGroup),
      prepare: `let py = u32(y[q] + i32(ky * ${P.dh}));
    let px = u32(x[q] + i32(kx * ${P.dw}));
    inside[q] = py < ${P.height} && px < ${P.width};
    start[q] = select(0u, base[q] + py * ${P.width} + px, inside[q]);`,
      left: (row) => `in1(weights + (${row} * ${P.perGroup} + c) * ${TAPS} + tap)`,
      right: (n) => `select(0f, in0(start[${n}] + c * ${AREA}), inside[${n}])`,
    },
  });
}

export function lowerConv2dGradInput(b: WebGpuBuilder, i: number): void {
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
    evenly: (by) => (g.w[0] / g.attrs.groups) % by === 0,
    params: params(g, rows, columns),
    place: `(n / ${AREA} * ${P.channels} + layer * ${P.rows} + m) * ${AREA} + n % ${AREA}`,
    scales: [
      eachImage(g.y, g.attrs.groups, `n / ${AREA}`),
      {
        outer: g.attrs.groups,
        over: g.w[0] / g.attrs.groups,
        kept: g.w[1],
        inner: g.w[2] * g.w[3],
        group: `layer * ${P.rows} + m`,
      },
    ],
    product: {
      kernel: 'conv to input',
      start: `let weights = layer * ${P.outPerGroup} * ${P.perGroup} * ${TAPS};`,
      known: { y: 'u32', x: 'u32', ...PLACES },
      column: `let at = column % ${AREA};
    y[q] = at / ${P.width} + ${P.ph};
    x[q] = at % ${P.width} + ${P.pw};
    base[q] = (column / ${AREA} * ${P.out} + layer * ${P.outPerGroup}) * ${OUT_AREA};`,
      ...TAP_LOOPS,
      inner: counted('c', P.outPerGroup),
      prepare: `let dy = y[q] - ky * ${P.dh};
    let dx = x[q] - kx * ${P.dw};
    let py = dy / ${P.sh};
    let px = dx / ${P.sw};
    inside[q] = y[q] >= ky * ${P.dh} && x[q] >= kx * ${P.dw} && py * ${P.sh} == dy && px * ${P.sw} == dx && py < ${P.oh} && px < ${P.ow};
    start[q] = select(0u, base[q] + py * ${P.ow} + px, inside[q]);`,
      left: (row) => `in1(weights + (c * ${P.perGroup} + ${row}) * ${TAPS} + tap)`,
      right: (n) => `select(0f, in0(start[${n}] + c * ${OUT_AREA}), inside[${n}])`,
    },
  });
}

export function lowerConv2dGradWeight(b: WebGpuBuilder, i: number): void {
  const [grad, x] = b.node(i).inputs as [number, number];
  const g = geometry(b, x, i, grad, i);
  const sums = sumsOf(b, i, grad, [0, 2, 3]);
  const [rows, own] = [g.w[0] / g.attrs.groups, g.w[1] * g.w[2] * g.w[3]];
  const columns = own + (sums === undefined ? 0 : 1);
  const width = sums === undefined ? P.columns : `(${P.columns} - 1u)`;
  const one = (n: number, value: string): string =>
    sums === undefined ? value : `select(${value}, 1f, one[${n}])`;
  const lines = g.y[0] * g.y[2];
  emitProduct(b, i, [b.value(grad), b.value(x)], {
    rows,
    columns,
    layers: g.attrs.groups,
    length: lines * g.y[3],
    splits: lines,
    evenly: (by) => g.y[3] % by === 0,
    params: params(g, rows, columns),
    place: `(layer * ${P.rows} + m) * ${width} + n`,
    scales: [
      eachChannel(g.y, `layer * ${P.rows} + m`),
      eachChannel(g.x, `layer * ${P.perGroup} + n / ${TAPS}`),
    ],
    ...(sums === undefined ? {} : { sums }),
    product: {
      kernel: 'conv to weights',
      start: `let lines = ${P.images} * ${P.oh};
  let each = (lines + ${P.parts} - 1u) / ${P.parts};`,
      known: { y: 'i32', x: 'i32', ...PLACES, ...(sums === undefined ? {} : { one: 'bool' }) },
      column: `base[q] = column / ${TAPS} * ${AREA};
    ${sums === undefined ? '' : `one[q] = column + 1u == ${P.columns};`}
    y[q] = i32(column / ${P.kw} % ${P.kh} * ${P.dh}) - i32(${P.ph});
    x[q] = i32(column % ${P.kw} * ${P.dw}) - i32(${P.pw});`,
      open: `for (var line = part * each; line < min(lines, (part + 1u) * each); line++) {
    let image = line / ${P.oh};
    let oy = line % ${P.oh};
    let beside = (image * ${P.out} + layer * ${P.rows}) * ${OUT_AREA} + oy * ${P.ow};
    ${PREPARE}`,
      inner: counted('ox', P.ow),
      prepare: `let py = u32(y[q] + i32(oy * ${P.sh}));
    inside[q] = py < ${P.height};
    start[q] = (image * ${P.channels} + layer * ${P.perGroup}) * ${AREA} + base[q] + py * ${P.width};`,
      left: (row) => `in0(beside + ${row} * ${OUT_AREA} + ox)`,
      right: (n) =>
        one(
          n,
          `select(0f, in1(start[${n}] + u32(x[${n}] + i32(ox * ${P.sw}))), inside[${n}] && u32(x[${n}] + i32(ox * ${P.sw})) < ${P.width})`,
        ),
      close: '}',
    },
  });
}

/**
 * The node that sums a gradient over everything but its channels, such as the gradient of a bias, if it is still to be
 * computed: the product of the weights' gradient computes it too.
 */
export function sumsOf(
  b: WebGpuBuilder,
  i: number,
  grad: number,
  axes: readonly number[],
): number | undefined {
  // In float16 the sums would be sums of rounded numbers.
  if (b.isHalf(i)) return undefined;
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
