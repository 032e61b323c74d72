import {
  CELLS,
  type Cell,
  type RecurrentAttrs,
  type RecurrentStartAttrs,
} from '../../../ops/sequence/recurrent.js';
import type { Value, WebGpuBuilder } from '../builder.js';
import { entry, WORKGROUP } from '../kernels/map.js';
import { emitScratch } from './emit.js';

/*
 * Recurrent layers: a workgroup computes one example, position after position, and its lanes take the units. What other
 * lanes have written is read through the output's own binding, which is passed as an input too.
 */

const SIGMOID = 'fn sigmoidOf(x: f32) -> f32 { return 1f / (1f + expOf(-x)); }';

/** Waits until all lanes have written. */
const BARRIER = 'storageBarrier();\n    workgroupBarrier();';

/** WGSL for the position that step `step` reads. */
const position = (length: number, reverse: boolean, step: string): string =>
  reverse ? `(${length - 1}u - ${step})` : step;

/** Statements that define the parts of the record of one unit, given `x0` … and the products with the state, `s0` …. */
const FORWARD: Readonly<Record<Cell, { readonly body: string; readonly parts: readonly string[] }>> = {
  tanh: { body: '', parts: ['tanhOf(x0 + s0)'] },
  relu: { body: '', parts: ['maxOf(x0 + s0, 0f)'] },
  gru: {
    body: `let r = sigmoidOf(x0 + s0 + bias(0u, k));
      let z = sigmoidOf(x1 + s1 + bias(1u, k));
      let q = s2 + bias(2u, k);
      let fresh = tanhOf(x2 + r * q);`,
    parts: ['r', 'z', 'fresh', 'q', 'fresh + z * (state(step, n, k) - fresh)'],
  },
  lstm: {
    body: `let i = sigmoidOf(x0 + s0);
      let f = sigmoidOf(x1 + s1);
      let g = tanhOf(x2 + s2);
      let o = sigmoidOf(x3 + s3);
      let c = f * memory(step, n, k) + i * g;`,
    parts: ['i', 'f', 'g', 'o', 'c', 'o * tanhOf(c)'],
  },
};

const each = (count: number, text: (n: number) => string): string =>
  Array.from({ length: count }, (_, n) => text(n)).join('\n      ');

export function lowerRecurrent(b: WebGpuBuilder, i: number): void {
  const { inputs, attrs } = b.node(i);
  const { cell, reverse } = attrs as RecurrentAttrs;
  const { gates, record } = CELLS[cell];
  const [length, count, rows] = b.node(inputs[0]!).shape as [number, number, number];
  const size = rows / gates;
  const output = b.newValue(i);
  const values = [...inputs.map((input) => b.value(input)), output];
  const own = values.length - 1;
  const before = (part: number, first: number): string =>
    `if (step == 0u) { return in${first}(n * ${size}u + k); }
  return in${own}(((${position(length, reverse, '(step - 1u)')} * ${count}u + n) * ${record}u + ${part}u) * ${size}u + k);`;
  const { body, parts } = FORWARD[cell];
  b.add([i], {
    program: {
      kernel: 'recurrent',
      inputs: values.map(() => 'float32'),
      outputs: ['float32'],
      params: 0,
      code: `${SIGMOID}
fn state(step: u32, n: u32, k: u32) -> f32 { ${before(record - 1, 2)} }
${cell === 'lstm' ? `fn memory(step: u32, n: u32, k: u32) -> f32 { ${before(4, 3)} }` : ''}
${cell === 'gru' ? `fn bias(gate: u32, k: u32) -> f32 { return in3(gate * ${size}u + k); }` : ''}
${entry(`
  let n = block;
  if (n >= ${count}u) { return; }
  for (var step = 0u; step < ${length}u; step++) {
    let t = ${position(length, reverse, 'step')};
    for (var k = lane; k < ${size}u; k += ${WORKGROUP}u) {
      ${each(gates, (g) => `var s${g} = 0f;\n      let x${g} = in0((t * ${count}u + n) * ${rows}u + ${g * size}u + k);`)}
      for (var j = 0u; j < ${size}u; j++) {
        let h = state(step, n, j);
        ${each(gates, (g) => `s${g} += in1((${g * size}u + k) * ${size}u + j) * h;`)}
      }
      ${body}
      ${parts.map((part, p) => `put0(((t * ${count}u + n) * ${record}u + ${p}u) * ${size}u + k, ${part});`).join('\n      ')}
    }
    ${BARRIER}
  }`)}`,
    },
    inputs: values,
    outputs: [output],
    params: [],
    groups: count,
  });
  b.define(i, output);
}

/** Statements that define `g0` …, `nextH` and `nextC` from `d`, `dc`, the parts `p0` … of the record and the state before. */
const BACKWARD: Readonly<Record<Cell, string>> = {
  tanh: 'let g0 = d * (1f - p0 * p0); let nextH = 0f; let nextC = 0f;',
  relu: 'let g0 = select(0f, d, p0 > 0f); let nextH = 0f; let nextC = 0f;',
  gru: `let inner = d * (1f - p1) * (1f - p2 * p2);
      let g0 = inner * p3 * p0 * (1f - p0);
      let g1 = d * (state(step, n, k) - p2) * p1 * (1f - p1);
      let g2 = inner * p0;
      let g3 = inner;
      let nextH = d * p1;
      let nextC = 0f;`,
  lstm: `let t_ = tanhOf(p4);
      let held = dc + d * p3 * (1f - t_ * t_);
      let g0 = held * p2 * p0 * (1f - p0);
      let g1 = held * memory(step, n, k) * p1 * (1f - p1);
      let g2 = held * p0 * (1f - p2 * p2);
      let g3 = d * t_ * p3 * (1f - p3);
      let nextH = 0f;
      let nextC = held * p1;`,
};

/** Emits the backward pass: the gradients of all positions, and those of the first state, `[2, N, H]` with h first. */
function emitBackward(b: WebGpuBuilder, i: number, grads: Value): Value {
  const { inputs, attrs } = b.node(i);
  const { cell, reverse } = attrs as RecurrentAttrs;
  const sizes = CELLS[cell];
  const [length, count, size] = b.node(inputs[0]!).shape as [number, number, number];
  const states = count * size;
  const carried = b.scratch('float32', 2 * states);
  const values = [...inputs.map((input) => b.value(input)), grads, carried];
  const [made, carry] = [inputs.length, inputs.length + 1];
  const before = (part: number, first: number): string =>
    `if (step == 0u) { return in${first}(n * ${size}u + k); }
  return in1(((${position(length, reverse, '(step - 1u)')} * ${count}u + n) * ${sizes.record}u + ${part}u) * ${size}u + k);`;
  const firstC = inputs.length > 5 ? `in5(n * ${size}u + k)` : '0f';
  const grad = (part: string, k: string): string =>
    `((t * ${count}u + n) * ${sizes.grads}u + ${part}) * ${size}u + ${k}`;
  b.add([i], {
    program: {
      kernel: 'recurrentGrad',
      inputs: values.map(() => 'float32'),
      outputs: ['float32', 'float32'],
      params: 0,
      code: `
${cell === 'gru' ? `fn state(step: u32, n: u32, k: u32) -> f32 { ${before(sizes.record - 1, 3)} }` : ''}
${cell === 'lstm' ? `fn memory(step: u32, n: u32, k: u32) -> f32 { ${before(4, 4)} }` : ''}
${entry(`
  let n = block;
  if (n >= ${count}u) { return; }
  for (var back = 0u; back < ${length}u; back++) {
    let step = ${length - 1}u - back;
    let t = ${position(length, reverse, 'step')};
    for (var k = lane; k < ${size}u; k += ${WORKGROUP}u) {
      let unit = n * ${size}u + k;
      var h = 0f;
      var dc = ${firstC};
      if (back > 0u) { h = in${carry}(unit); dc = in${carry}(${states}u + unit); }
      let d = in0((t * ${count}u + n) * ${size}u + k) + h;
      ${each(sizes.record, (p) => `let p${p} = in1(((t * ${count}u + n) * ${sizes.record}u + ${p}u) * ${size}u + k);`)}
      ${BACKWARD[cell]}
      ${each(sizes.grads, (p) => `put0(${grad(`${p}u`, 'k')}, g${p});`)}
      put1(unit, nextH);
      put1(${states}u + unit, nextC);
    }
    ${BARRIER}
    for (var k = lane; k < ${size}u; k += ${WORKGROUP}u) {
      let unit = n * ${size}u + k;
      var h = in${carry}(unit);
      for (var j = 0u; j < ${sizes.gates * size}u; j++) { h += in${made}(${grad('0u', 'j')}) * in2(j * ${size}u + k); }
      put1(unit, h);
    }
  }`)}`,
    },
    inputs: values,
    outputs: [grads, carried],
    params: [],
    groups: count,
  });
  return carried;
}

const keyOf = (b: WebGpuBuilder, i: number): string => {
  const { inputs, attrs } = b.node(i);
  const { cell, reverse } = attrs as RecurrentAttrs;
  return `${inputs.join()} ${cell} ${reverse}`;
};

export function lowerRecurrentGrad(b: WebGpuBuilder, i: number): void {
  const output = b.newValue(i);
  b.carried.set(keyOf(b, i), emitBackward(b, i, output));
  b.define(i, output);
}

/** The gradient of a first state, which the pass over all positions finds too. */
export function lowerRecurrentGradStart(b: WebGpuBuilder, i: number): void {
  const { inputs, attrs } = b.node(i);
  const { cell, of } = attrs as RecurrentStartAttrs;
  const [length, count, size] = b.node(inputs[0]!).shape as [number, number, number];
  const key = keyOf(b, i);
  let carried = b.carried.get(key);
  if (!carried) {
    carried = emitBackward(b, i, b.scratch('float32', length * count * CELLS[cell].grads * size));
    b.carried.set(key, carried);
  }
  const output = b.newValue(i);
  const start = of === 'c' ? count * size : 0;
  emitScratch(b, i, output, [carried], { kernel: 'copy', value: `return in0(${start}u + i);` });
  b.define(i, output);
}
