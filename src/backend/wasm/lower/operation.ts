import type { Region } from '../../plan/region.js';
import type { VectorOperation } from '../../simd/operation.js';
import type { WasmBuilder } from '../builder.js';

/**
 * Adds a step that runs an operation of vector kernels.
 *
 * @param nodes the nodes that it computes, of which the last is the result
 * @param operands the operation's operands in its own order, including the result
 */
export function emitOperation(
  b: WasmBuilder,
  nodes: readonly number[],
  operation: VectorOperation,
  operands: readonly Region[],
  result: Region,
): void {
  const scratch = b.region(operation.scratchBytes);
  if (!operation.preparation && emitLink(b, nodes, operation, [...operands, scratch], result)) return;
  b.emitNode(nodes, [...operands, scratch], result, 'wasm', (addresses) => {
    const [places, own] = [addresses.slice(0, operands.length), addresses[operands.length]!];
    return operation.bind(places, own);
  });
}

/**
 * Like `emitOperation`, for an operation that prepares one of its operands: if that is a storage which the plan does not
 * write, the prepared values are kept until the storage changes.
 */
export function emitPrepared(
  b: WasmBuilder,
  nodes: readonly number[],
  operation: VectorOperation,
  operands: readonly Region[],
  result: Region,
): void {
  const { preparation } = operation;
  const source = preparation && operands[preparation.operand]!;
  const kept = source && b.packed(source, preparation.bytes);
  if (!kept) {
    emitOperation(b, nodes, operation, operands, result);
    return;
  }
  b.prepare({
    op: 'prepare',
    scope: b.node(nodes[0]!).scope,
    kernel: 'wasm',
    macs: 0,
    packs: kept.packs!,
    touches: [source, kept],
    writes: false,
    bind: (at) => operation.prepare(at(source), at(kept)),
  });
  const scratch = b.region(operation.ownBytes);
  if (emitLink(b, nodes, operation, [...operands, scratch, kept], result)) return;
  b.emitNode(nodes, [...operands, scratch, kept], result, 'wasm', (addresses) => {
    const [own, prepared] = addresses.slice(operands.length);
    return operation.bind(addresses.slice(0, operands.length), own!, prepared);
  });
}

/** Adds an operation of one kernel, which may join the step before it. Returns false if it is more than one kernel. */
function emitLink(
  b: WasmBuilder,
  nodes: readonly number[],
  { link }: VectorOperation,
  regions: readonly Region[],
  result: Region,
): boolean {
  if (!link) return false;
  b.vectors.emit({ ...b.label(nodes), writes: result.slot !== undefined }, link, regions);
  b.define(nodes.at(-1)!, result);
  return true;
}

/** Adds a step for an operation that takes a node's inputs and then its result, which must not overlap. */
export function emitApart(b: WasmBuilder, i: number, operation: VectorOperation): boolean {
  const result = b.placeApart(i);
  const inputs = b.node(i).inputs.map((input) => b.regionOf(input));
  emitOperation(b, [i], operation, [...inputs, result], result);
  return true;
}
