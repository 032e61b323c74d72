import { bytesOf, makeArray, sizeOf, type TypedArray } from '../../../../graph/types.js';
import { scriptOf } from '../../../plan/scripted.js';
import { Arg, type Handle, type Md, Query } from '../../api/dnnl.js';
import type { OneDnnBuilder } from '../../builder.js';
import type { Form, Kept } from '../../ir.js';
import { allocate, arrayAt } from '../../library/memory.js';

/**
 * Adds a step that computes a node again with the reference engine's kernel, for values that its primitive is not right
 * for. It needs memory of its own, so it is meant for values that hardly occur.
 *
 * @param inputs forms of the node's inputs, or what has been kept of them
 * @param where whether to do so, asked in each run
 * @param seen forms that it looks at
 * @param keep called with the values of the inputs
 */
export function correctWhere(
  b: OneDnnBuilder,
  i: number,
  inputs: readonly (Form | Kept)[],
  output: Form,
  where: (values: readonly Float32Array[]) => boolean,
  seen: readonly Form[] = [],
  keep: (values: readonly TypedArray[]) => void = () => {},
): void {
  const { op, scope, inputs: sources, shape } = b.node(i);
  const kernel = scriptOf(b.graph, i, b.numbers);
  const forms = inputs.filter((input) => 'region' in input);
  b.emit({
    op,
    scope,
    kernel: 'corrected',
    macs: 0,
    touches: [...forms, output, ...seen].map(({ region }) => region),
    writes: false,
    script: (at) => {
      const views = seen.map(
        ({ dims, region }) => arrayAt(at(region), 'float32', sizeOf(dims)) as Float32Array,
      );
      return () => {
        if (!where(views)) return;
        const values = inputs.map((input, k) =>
          'region' in input ? rowMajorOf(b, sources[k]!, input, at(input.region)) : input.values!,
        );
        keep(values);
        const result = makeArray('float32', sizeOf(shape));
        kernel(values, result);
        withCopy(b, i, (md, address) => {
          (arrayAt(address, 'float32', result.length) as Float32Array).set(result as Float32Array);
          reorder(b, md, address, output.md, at(output.region));
        });
      };
    },
  });
}

/** A copy of a form's values. */
function rowMajorOf(b: OneDnnBuilder, node: number, form: Form, address: number): TypedArray {
  return withCopy(b, node, (md, copy) => {
    reorder(b, form.md, address, md, copy);
    return arrayAt(copy, 'float32', sizeOf(b.node(node).shape)).slice();
  });
}

/** Calls `body` with memory for a node's values in row-major layout. */
function withCopy<T>(b: OneDnnBuilder, node: number, body: (md: Md, address: number) => T): T {
  const { shape } = b.node(node);
  const memory = allocate(sizeOf(shape) * bytesOf('float32'));
  try {
    return body(b.plainMd(shape, 'float32'), memory.address);
  } finally {
    memory.free();
  }
}

/** Copies values from one layout to another. */
function reorder(b: OneDnnBuilder, from: Md, source: number, to: Md, target: number): void {
  execute(b, b.dnnl.reorder(from, to), [
    [Arg.src, from, source],
    [Arg.dst, to, target],
  ]);
}

/** Runs a primitive once, in a run of the plan. */
export function execute(
  { dnnl: d }: OneDnnBuilder,
  pd: Handle,
  operands: readonly (readonly [arg: number, md: Md, address: number])[],
): void {
  const scratch = d.query(pd, Query.scratchpad);
  const room = scratch && d.bytes(scratch) > 0 ? allocate(d.bytes(scratch)) : undefined;
  const primitive = d.primitive(pd);
  d.destroyPds();
  const all = room ? [...operands, [Arg.scratchpad, scratch!, room.address] as const] : operands;
  const memories = all.map(([arg, md, address]) => [arg, d.memory(md, address)] as const);
  try {
    d.execute(primitive, d.args(memories));
  } finally {
    for (const [, memory] of memories) d.destroyMemory(memory);
    d.destroyPrimitive(primitive);
    room?.free();
  }
}
