import type { Wire } from '../backend/communication/protocol.js';
import { UsageError } from '../errors/errors.js';
import type { Node } from '../graph/node.js';
import { bytesOf, sizeOf } from '../graph/types.js';
import * as ops from '../ops/index.js';
import { replace } from '../optim/clip.js';
import type { Parameter } from '../tensor/parameter.js';
import { mapPending } from '../tensor/pending.js';
import { Tensor } from '../tensor/tensor.js';

/** Gradients below this size in bytes are exchanged together, in groups of about this size. */
const LARGE = 2 ** 20;

export interface AverageOptions {
  /** Weight of this rank's gradients. */
  readonly share: number;
  /** Whether all ranks have the same weight, and computed the same number of images. */
  readonly even: boolean;
  /** Weight of this rank's running statistics; undefined if each rank keeps its own. */
  readonly images?: number;
  readonly wire: Wire;
  /** Neighbouring ranks are added first, then pairs of these; see `sumTogether`. */
  readonly paired?: boolean;
}

/** Replaces gradients, and pending updates of buffers, by their weighted means over all ranks. */
export function averageGradients(
  parameters: readonly Parameter[],
  ranks: number,
  { share, even, images, wire, paired = false }: AverageOptions,
): void {
  const found = parameters.filter(({ grad }) => grad !== null);
  const limited = found.find((parameter) => parameter.node !== parameter.stored);
  // Each rank would scale the rows that it has looked up, and their weights would differ.
  if (limited && ranks > 1)
    throw new UsageError({
      what: 'A table with maxNorm cannot be trained by several ranks',
      expected: 'tables without maxNorm, or one rank',
      got: `a table [${limited.shape.join(', ')}] and ${ranks} ranks`,
    });
  // One weight for all ranks is applied to the sums, which costs no further pass over the gradients.
  const scale = even ? share : 1;
  const scaled = (node: Node): Node => (even || share === 1 ? node : ops.scaleBy(node, share));
  // In reverse order: the gradients of the last layers are ready first.
  for (const group of grouped(found.toReversed())) {
    const sums = ops.sumTogether(
      group.map(({ grad }) => scaled(grad!.node)),
      { ranks, wire, scale, even, paired, label: `the gradients of ${labelOf(group)}` },
    );
    group.forEach((parameter, i) => {
      replace(parameter, new Tensor(sums[i]!));
    });
  }
  if (images === undefined) return;
  for (const device of new Set(found.flatMap(({ device }) => device ?? [])))
    mapPending(device, (values) =>
      ops.sumTogether(
        values.map((value) => ops.scaleBy(value, images)),
        { ranks, wire: 'float32', label: 'running statistics' },
      ),
    );
}

/** The exchanges of these parameters' gradients in order: the number of elements of each tensor. */
export const exchangeGroups = (parameters: readonly Parameter[]): number[][] =>
  [...grouped(parameters.toReversed())].map((group) => group.map(({ shape }) => sizeOf(shape)));

/**
 * Groups parameters by exchange: each large gradient alone, small ones of the same type together. All ranks get the
 * same groups.
 */
function* grouped(parameters: readonly Parameter[]): Generator<Parameter[], void, void> {
  const small = new Map<string, { parameters: Parameter[]; bytes: number }>();
  for (const parameter of parameters) {
    const bytes = sizeOf(parameter.shape) * bytesOf(parameter.dtype);
    if (bytes >= LARGE) {
      yield [parameter];
      continue;
    }
    const group = small.get(parameter.dtype) ?? { parameters: [], bytes: 0 };
    group.parameters.push(parameter);
    group.bytes += bytes;
    small.set(parameter.dtype, group);
    if (group.bytes < LARGE) continue;
    yield group.parameters;
    small.delete(parameter.dtype);
  }
  for (const { parameters: rest } of small.values()) yield rest;
}

/** Describes a group in messages, by its shapes. */
const labelOf = (group: readonly Parameter[]): string =>
  group.length === 1
    ? `a weight [${group[0]!.shape.join(', ')}]`
    : `${group.length} weights, the first [${group[0]!.shape.join(', ')}]`;
