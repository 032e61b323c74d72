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
  emitVectors(b, i, (pool) => vectorOperation(pool, b.graph, i, b.numbers));

/** A form that vector kernels can access: a copy if it is a storage outside of their memory. */
export function reachable(b: OneDnnBuilder, node: number, form: Form): Form {
  if (b.isReachable(form.region)) return form;
  const copy = b.newForm(form.dims, form.md);
  b.emitPrimitive(
    node,
    b.reorder(form.md, copy.md),
    [
      [Arg.src, form],
      [Arg.dst, copy],
    ],
    'copy',
  );
  return copy;
}
