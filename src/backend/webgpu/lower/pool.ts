import { sizeOf } from '../../../graph/types.js';
import type { AvgPoolAttrs, MaxPoolAttrs } from '../../../ops/pool.js';
import type { WebGpuBuilder } from '../builder.js';
import { numbers } from '../kernels/product.js';
import { emitElements, emitScratch } from './emit.js';

type Quad = readonly [number, number, number, number];

const shapeOf = (b: WebGpuBuilder, i: number): Quad => b.node(i).shape as unknown as Quad;

/** WGSL for the plane, row `y` and column `x` of position i. */
const position = ([, , h, w]: Quad): string => `let plane = i / ${h * w}u;
  let y = i / ${w}u % ${h}u;
  let x = i % ${w}u;`;

const NAMES = [
  'count',
  'height',
  'width',
  'down',
  'across',
  'kh',
  'kw',
  'sh',
  'sw',
  'ph',
  'pw',
  'dh',
  'dw',
] as const;
/** Numbers of max pooling: sizes of the image, numbers of windows, and the windows' geometry; also as signed integers. */
const U = numbers(NAMES);
const P = Object.fromEntries(NAMES.map((name) => [name, `i32(${U[name]})`])) as typeof U;

const geometry = (count: number, image: Quad, out: Quad, attrs: MaxPoolAttrs): number[] => [
  count,
  image[2],
  image[3],
  out[2],
  out[3],
  ...attrs.kernel,
  ...attrs.stride,
  ...attrs.padding,
  ...attrs.dilation,
];

const place = (height: string, width: string): string => `let plane = i32(i / (${height} * ${width}));
  let y = i32(i / ${width} % ${height});
  let x = i32(i % ${width});`;

/** Body that finds the position of the largest element of window (y, x): the first of several, or NaN; −1 if empty. */
const LARGEST = `${place(U.down, U.across)}
  var found = -1;
  var best = 0f;
  for (var ky = 0; ky < ${P.kh}; ky++) {
    let row = y * ${P.sh} - ${P.ph} + ky * ${P.dh};
    if (row < 0 || row >= ${P.height}) { continue; }
    for (var kx = 0; kx < ${P.kw}; kx++) {
      let column = x * ${P.sw} - ${P.pw} + kx * ${P.dw};
      if (column < 0 || column >= ${P.width}) { continue; }
      let own = (plane * ${P.height} + row) * ${P.width} + column;
      let v = in0(u32(own));
      if (found < 0 || isNaN(v) || (v > best && !isNaN(best))) { found = own; best = v; }
    }
  }`;

/** The node of a max-pooling whose gradient is computed in the same plan needs the places of maxima. */
const gradientOf = (b: WebGpuBuilder, i: number): number | undefined => {
  const { inputs, attrs } = b.node(i);
  const key = JSON.stringify(attrs);
  return b.users[inputs[0]!]!.find((user) => {
    const { op, inputs: read, attrs: own } = b.node(user);
    return op === 'maxPool2dGrad' && read[1] === inputs[0] && JSON.stringify(own) === key;
  });
};

export function lowerMaxPool(b: WebGpuBuilder, i: number): void {
  const [x] = b.node(i).inputs as [number];
  const [image, out] = [shapeOf(b, x), shapeOf(b, i)];
  const params = geometry(sizeOf(out), image, out, b.node(i).attrs as unknown as MaxPoolAttrs);
  const result = 'select(best, -infinity(), found < 0)';
  const gradient = gradientOf(b, i);
  if (gradient === undefined) {
    emitElements(b, i, { params, value: `${LARGEST}\n  return ${result};` });
    return;
  }
  const places = b.scratch('int32', sizeOf(out));
  b.places.set(gradient, places);
  const value = `${LARGEST}\n  put1(i, found);\n  return ${result};`;
  emitElements(b, i, { params, value, beside: [places] });
}

/** Each element of the image collects from the windows whose maximum it is: no two invocations write one element. */
export function lowerMaxPoolGrad(b: WebGpuBuilder, i: number): void {
  const [grad, x] = b.node(i).inputs as [number, number];
  const attrs = b.node(i).attrs as unknown as MaxPoolAttrs;
  const [out, image] = [shapeOf(b, grad), shapeOf(b, x)];
  const known = b.places.get(i);
  const places = known ?? b.scratch('int32', sizeOf(out));
  if (!known)
    emitScratch(b, i, places, [b.value(x)], {
      kernel: 'maxPool2d places',
      params: geometry(sizeOf(out), image, out, attrs),
      value: `${LARGEST}\n  return found;`,
    });
  const first = (k: string, s: string, p: string, d: string, own: string): string =>
    `i32(u32(max(0, ${own} + ${p} - ${d} * (${k} - 1) + i32(${s}) - 1)) / ${s})`;
  emitElements(b, i, {
    also: [places],
    params: geometry(sizeOf(image), image, out, attrs),
    value: `${place(U.height, U.width)}
  let bottom = min(${P.down} - 1, i32(u32(y + ${P.ph}) / ${U.sh}));
  let right = min(${P.across} - 1, i32(u32(x + ${P.pw}) / ${U.sw}));
  var total = 0f;
  for (var oy = ${first(P.kh, U.sh, P.ph, P.dh, 'y')}; oy <= bottom; oy++) {
    for (var ox = ${first(P.kw, U.sw, P.pw, P.dw, 'x')}; ox <= right; ox++) {
      let o = u32((plane * ${P.down} + oy) * ${P.across} + ox);
      if (in2(o) == i32(i)) { total += in0(o); }
    }
  }
  return total;`,
  });
}

/** WGSL for the first cell, the end and the divisor of windows along an axis, from a window's number `n`. */
type Windows = (n: string) => { readonly start: string; readonly end: string; readonly divisor: string };

/** Windows of average pooling: clipped to the padded image before their cells are counted. */
function averaged(size: number, kernel: number, stride: number, padding: number, padded: boolean): Windows {
  return (n) => {
    const low = `(${n} * ${stride} - ${padding})`;
    const high = `min(${low} + ${kernel}, ${size + padding})`;
    const [start, end] = [`max(${low}, 0)`, `min(${high}, ${size})`];
    return { start, end, divisor: padded ? `(${high} - ${low})` : `(${end} - ${start})` };
  };
}

const adaptive =
  (size: number, count: number): Windows =>
  (n) => {
    const [start, end] = [
      `(${n} * ${size} / ${count})`,
      `(((${n} + 1) * ${size} + ${count - 1}) / ${count})`,
    ];
    return { start, end, divisor: `(${end} - ${start})` };
  };

function emitAverage(
  b: WebGpuBuilder,
  i: number,
  image: Quad,
  out: Quad,
  [rows, columns]: readonly [Windows, Windows],
): void {
  const [r, c] = [rows('i32(y)'), columns('i32(x)')];
  emitElements(b, i, {
    value: `${position(out)}
  let top = ${r.start}; let bottom = ${r.end};
  let left = ${c.start}; let right = ${c.end};
  if (bottom <= top || right <= left) { return 0f; }
  var total = 0f;
  for (var row = top; row < bottom; row++) {
    for (var column = left; column < right; column++) {
      total += in0(u32((i32(plane) * ${image[2]} + row) * ${image[3]} + column));
    }
  }
  return total / f32(${r.divisor} * ${c.divisor});`,
  });
}

function emitAverageGrad(
  b: WebGpuBuilder,
  i: number,
  image: Quad,
  out: Quad,
  [rows, columns]: readonly [Windows, Windows],
  [firstRow, endRow, firstColumn, endColumn]: readonly [string, string, string, string],
): void {
  const [r, c] = [rows('oy'), columns('ox')];
  emitElements(b, i, {
    value: `${position(image)}
  var total = 0f;
  for (var oy = ${firstRow}; oy < ${endRow}; oy++) {
    if (i32(y) < ${r.start} || i32(y) >= ${r.end}) { continue; }
    for (var ox = ${firstColumn}; ox < ${endColumn}; ox++) {
      if (i32(x) < ${c.start} || i32(x) >= ${c.end}) { continue; }
      total += in0(u32((i32(plane) * ${out[2]} + oy) * ${out[3]} + ox)) / f32(${r.divisor} * ${c.divisor});
    }
  }
  return total;`,
  });
}

function averageWindows(image: Quad, attrs: AvgPoolAttrs): [Windows, Windows] {
  const along = (axis: 0 | 1): Windows =>
    averaged(
      image[2 + axis]!,
      attrs.kernel[axis],
      attrs.stride[axis],
      attrs.padding[axis],
      attrs.countIncludePad,
    );
  return [along(0), along(1)];
}

export function lowerAvgPool(b: WebGpuBuilder, i: number): void {
  const image = shapeOf(b, b.node(i).inputs[0]!);
  emitAverage(b, i, image, shapeOf(b, i), averageWindows(image, b.node(i).attrs as unknown as AvgPoolAttrs));
}

export function lowerAvgPoolGrad(b: WebGpuBuilder, i: number): void {
  const attrs = b.node(i).attrs as unknown as AvgPoolAttrs;
  const [image, out] = [shapeOf(b, i), shapeOf(b, b.node(i).inputs[0]!)];
  const { kernel, stride, padding } = attrs;
  const bounds = (axis: 0 | 1, at: string): [string, string] => [
    `max(0, (i32(${at}) + ${padding[axis] - kernel[axis] + stride[axis]}) / ${stride[axis]})`,
    `min(${out[2 + axis]}, (i32(${at}) + ${padding[axis]}) / ${stride[axis]} + 1)`,
  ];
  emitAverageGrad(b, i, image, out, averageWindows(image, attrs), [...bounds(0, 'y'), ...bounds(1, 'x')]);
}

const adaptiveWindows = (image: Quad, out: Quad): [Windows, Windows] => [
  adaptive(image[2], out[2]),
  adaptive(image[3], out[3]),
];

export function lowerAdaptivePool(b: WebGpuBuilder, i: number): void {
  const [image, out] = [shapeOf(b, b.node(i).inputs[0]!), shapeOf(b, i)];
  emitAverage(b, i, image, out, adaptiveWindows(image, out));
}

export function lowerAdaptivePoolGrad(b: WebGpuBuilder, i: number): void {
  const [image, out] = [shapeOf(b, i), shapeOf(b, b.node(i).inputs[0]!)];
  emitAverageGrad(b, i, image, out, adaptiveWindows(image, out), ['0', `${out[2]}`, '0', `${out[3]}`]);
}
