import { sizeOf } from '../../../graph/types.js';
import { f } from '../../../ops/formula.js';
import { roomFor, type Value, type WebGpuBuilder } from '../builder.js';
import type { IndexCheck } from '../checks.js';
import { together } from '../kernels/joined.js';
import { entry, WORKGROUP } from '../kernels/map.js';
import { emitLinear } from './cluster.js';
import { emitScratch } from './emit.js';

/* Steps beside those of the nodes: copies to storages, and checks on which these depend. */

/** Adds a step that copies a value, unless the guard forbids it. */
export function copyTo(b: WebGpuBuilder, i: number, from: Value, to: Value): Value {
  const { dtype, shape } = b.node(i);
  const count = sizeOf(shape);
  if (count === 0) return to;
  if (dtype === 'float32') {
    const join = { formula: f.input(0), scalar: [false], count };
    emitLinear(b, [i], [from], to, join);
    return to;
  }
  const words = (value: Value): Value => ({ ...value, dtype: 'int32', count: roomFor(dtype, count) / 4 });
  const guard = b.guardOf(to);
  emitScratch(b, i, words(to), [words(from), ...(guard ? [guard] : [])], {
    kernel: 'copy',
    value: 'return in0(i);',
    ...(guard ? { guard: 1 } : {}),
  });
  return to;
}

/** Adds a step that looks for a value outside of [0, size). */
export function addCheck(b: WebGpuBuilder, { node, size }: IndexCheck, n: number, status: Value): void {
  const value = b.value(node);
  b.add([node], {
    program: {
      kernel: 'check',
      inputs: ['int32'],
      outputs: ['int32'],
      params: 0,
      code: `var<workgroup> shared_: array<u32, ${WORKGROUP}>;
${entry(`
  var first = ${value.count}u;
  for (var j = lane; j < ${value.count}u; j += ${WORKGROUP}u) {
    let v = in0(j);
    if (v < 0 || v >= ${size}) { first = min(first, j); }
  }
  let total = first;
  ${together('found', (a, b) => `min(${a}, ${b})`)}
  if (lane == 0u) {
    let bad = found < ${value.count}u;
    put0(${2 * n}u, select(0, i32(found) + 1, bad));
    put0(${2 * n + 1}u, select(0, in0(min(found, ${Math.max(0, value.count - 1)}u)), bad));
  }`)}`,
    },
    inputs: [value],
    outputs: [status],
    params: [],
    groups: 1,
  });
}

/** A number that is finite if updates may be written: the guard, or NaN if an index is bad. */
export function verdictOf(b: WebGpuBuilder, i: number, checks: number, status: Value): Value {
  const verdict = b.scratch('float32', 1);
  const guard = b.graph.guard === undefined ? [] : [b.value(b.graph.guard)];
  emitScratch(b, i, verdict, [status, ...guard], {
    kernel: 'verdict',
    value: `for (var n = 0u; n < ${checks}u; n++) { if (in0(2u * n) != 0) { return notNumber(); } }
  return ${guard.length > 0 ? 'in1(0u)' : '0f'};`,
  });
  return verdict;
}
