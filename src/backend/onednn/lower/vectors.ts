import { sizeOf } from '../../../graph/types.js';
import { vectorOperation } from '../../simd/nodes.js';
import type { VectorOperation } from '../../simd/operation.js';
import type { KernelPool } from '../../simd/pool.js';
import { Arg } from '../api/dnnl.js';
import type { OneDnnBuilder } from '../builder.js';
import type { Form } from '../ir.js';

/**
 * Lowers a node to an operation of vector kernels, whose operands are the node's inputs and then its result, all
 * row-major, of 32 bits. Returns false if there is none, or the plan's memory is not accessible to vector kernels.
 */
export function emitVectors(
  b: OneDnnBuilder,
  i: number,
  build: (pool: KernelPool) => VectorOperation | undefined,
): boolean {
  const { arena } = b;
  if (!arena?.pool) return false;
  const operation = build(arena.pool);
  if (!operation) return false;
  const sources = b.node(i).inputs.map((input) => b.plainForm(input));
  emitOperation(b, i, operation, sources, b.newPlainForm(i));
  return true;
}

/** Adds a step that runs an operation on forms of a node's inputs and a new form of its result. */
export function emitOperation(
  b: OneDnnBuilder,
  i: number,
  operation: VectorOperation,
  sources: readonly Form[],
  out: Form,
): void {
  const arena = b.arena!;
  const { op, scope, inputs } = b.node(i);
  const operands = [...sources.map((form, k) => reachable(b, inputs[k]!, form)), out];
  const regions = operands.map(({ region }) => region);
  const scratch = b.region(operation.scratchBytes);
  b.emit({
    op,
    scope,
    kernel: 'wasm',
    macs: 0,
    touches: [...regions, scratch],
    writes: false,
    script: (at) => {
      const [own, ...addresses] = [scratch, ...regions].map((region) => arena.offsetOf(at(region)));
      return operation.bind(addresses, own);
    },
  });
  b.define(i, out);
}

/** Lowers a node whose vector code both engines use. */
export const lowerVectors = (b: OneDnnBuilder, i: number): boolean =>
  emitVectors(b, i, (pool) => vectorOperation(pool, b.graph, i));

/**
 * Copies the rows that indices name. A table in a storage that is larger than what is read of it is read in TypeScript,
 * since vector kernels would need a copy of all of it.
 */
export function lowerIndexSelect(b: OneDnnBuilder, i: number): boolean {
  const { inputs, shape } = b.node(i);
  const [table] = inputs as [number];
  const isStored = b.value(table).forms[0]!.region.slot !== undefined;
  if (isStored && sizeOf(b.node(table).shape) > sizeOf(shape)) return false;
  return lowerVectors(b, i);
}

/** A form in the arena: storages are outside of the memory that vector kernels can access. */
export function reachable(b: OneDnnBuilder, node: number, form: Form): Form {
  const { slot, packs } = form.region;
  if (slot === undefined && packs === undefined) return form;
  const copy = b.newForm(form.dims, form.md);
  b.emitPrimitive(
    node,
    b.dnnl.reorder(form.md, copy.md),
    [
      [Arg.src, form],
      [Arg.dst, copy],
    ],
    'copy',
  );
  return copy;
}
