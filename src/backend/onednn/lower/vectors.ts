import type { VectorOperation } from '../../simd/operation.js';
import type { KernelPool } from '../../simd/pool.js';
import { Arg } from '../api/dnnl.js';
import type { Builder } from '../builder.js';
import type { Form } from '../ir.js';

/**
 * Lowers a node to an operation of vector kernels, whose operands are the node's inputs and then its result, all
 * row-major float32. Returns false if the plan's memory is not accessible to vector kernels.
 */
export function emitVectors(b: Builder, i: number, build: (pool: KernelPool) => VectorOperation): boolean {
  const { arena } = b;
  if (!arena?.pool) return false;
  const { op, scope, inputs } = b.node(i);
  const operation = build(arena.pool);
  const out = b.newPlainForm(i);
  const operands = [...inputs.map((input) => reachable(b, input, b.plainForm(input))), out];
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
      return () => operation.run(addresses, own);
    },
  });
  b.define(i, out);
  return true;
}

/** A form in the arena: storages are outside of the memory that vector kernels can access. */
export function reachable(b: Builder, node: number, form: Form): Form {
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
