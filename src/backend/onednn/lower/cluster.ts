import { sizeOf } from '../../../graph/types.js';
import { broadcastDimensions, type Dimension } from '../../plan/broadcast.js';
import type { Cluster } from '../../plan/fusion.js';
import type { VectorKernel } from '../../simd/chain.js';
import { elementwiseKernel, reductionKernel, splitReduction } from '../../simd/cluster.js';
import type { KernelPool } from '../../simd/pool.js';
import { canRender } from '../../simd/render.js';
import type { OneDnnBuilder } from '../builder.js';
import type { Form } from '../ir.js';
import { padded } from './elementwise.js';
import { reachable } from './vectors.js';

/** Below this many elements a loop in TypeScript is as fast. */
const SMALL = 256;

/**
 * Lowers a group of elementwise nodes to one vector kernel. Returns false if the plan's memory is not accessible to
 * vector kernels, the formula has an operation that they do not support, values are bfloat16, or the size is small.
 */
export function lowerCluster(b: OneDnnBuilder, cluster: Cluster): boolean {
  const { inputs, formula, reduce } = cluster;
  const size = sizeOf(reduce?.shape ?? b.node(cluster.nodes.at(-1)!).shape);
  const { arena } = b;
  if (!arena?.pool || !canRender(formula)) return false;
  if (size < SMALL && !followsVectors(b, inputs)) return false;
  if (inputs.some((input) => b.dnnl.typeOf(b.value(input).forms[0]!.md) !== 'float32')) return false;
  if (reduce) lowerReduction(b, cluster, arena.pool);
  else lowerElementwise(b, cluster, arena.pool);
  return true;
}

/** Whether the plan's last step is a vector kernel that computes one of these values: one step can then do both. */
export const followsVectors = (b: OneDnnBuilder, inputs: readonly number[]): boolean =>
  inputs.some((input) => b.vectors?.endsWith(b.value(input).forms[0]!.region));

function lowerElementwise(b: OneDnnBuilder, cluster: Cluster, pool: KernelPool): void {
  const { nodes, inputs } = cluster;
  const root = nodes.at(-1)!;
  const size = sizeOf(b.node(root).shape);
  const { forms, lead, dimensions } = arrange(b, root, inputs);
  const kernel = elementwiseKernel(pool, cluster, dimensions);
  const sources = forms.map((form, k) => reachable(b, inputs[k]!, form));
  const over = inputs.findIndex(
    (input, k) => sizeOf(b.node(input).shape) === size && mayOverwrite(b, input, sources[k]!),
  );
  const out = b.newForm(lead.dims, lead.md, over < 0 ? undefined : sources[over]!.region);
  emit(b, nodes, kernel, [...sources, out]);
  b.define(root, out);
}

/** Lowers a cluster whose elements are reduced: kernels compute and reduce them. Row-major. */
function lowerReduction(b: OneDnnBuilder, cluster: Cluster, pool: KernelPool): void {
  const { nodes, inputs } = cluster;
  const root = nodes.at(-1)!;
  const shapes = inputs.map((input) => b.node(input).shape);
  const split = splitReduction(pool, cluster, shapes);
  const sources = inputs.map((input) => reachable(b, input, b.plainForm(input)));
  const out = b.newPlainForm(root);
  if (split) {
    const partial = b.newForm([split.count], b.dnnl.plain([split.count]));
    emit(b, nodes, split.first, [...sources, partial]);
    emit(b, [root], split.second, [partial, out]);
  } else emit(b, nodes, reductionKernel(pool, cluster, shapes), [...sources, out]);
  b.define(root, out);
}

function emit(
  b: OneDnnBuilder,
  nodes: readonly number[],
  kernel: VectorKernel,
  forms: readonly Form[],
): void {
  b.vectors!.emit(
    { ...b.label(nodes), writes: false },
    kernel,
    forms.map(({ region }) => region),
  );
}

interface Arrangement {
  readonly forms: readonly Form[];
  /** Dimensions and layout of the result. */
  readonly lead: { readonly dims: Form['dims']; readonly md: Form['md'] };
  readonly dimensions: readonly Dimension[];
}

/** Uses a blocked layout without padding if every input has it or is a scalar; otherwise row-major. */
function arrange(b: OneDnnBuilder, root: number, inputs: readonly number[]): Arrangement {
  const { shape, dtype } = b.node(root);
  const size = sizeOf(shape);
  const isFull = (input: number): boolean => sizeOf(b.node(input).shape) === size;
  const isScalar = (input: number): boolean => sizeOf(b.node(input).shape) === 1;
  const full = inputs.filter(isFull);
  if (full.length > 0 && inputs.every((input) => isFull(input) || isScalar(input))) {
    const made = full.map((input) => b.value(input).forms[0]!);
    const own = made.find(({ dims, md }) => !b.dnnl.equal(md, b.plainMd(dims, dtype)));
    const lead = own && b.dnnl.isBlocked(own.md) && !padded(b, own) ? own : undefined;
    const forms = inputs.map((input) =>
      lead && isFull(input) ? b.form(input, lead.dims, lead.md) : b.plainForm(input),
    );
    const steps = inputs.map((input) => (isFull(input) ? 1 : 0));
    return { forms, lead: lead ?? b.plainForm(full[0]!), dimensions: [{ size, steps }] };
  }
  return {
    forms: inputs.map((input) => b.plainForm(input)),
    lead: { dims: shape, md: b.plainMd(shape, dtype) },
    dimensions: broadcastDimensions(
      inputs.map((input) => b.node(input).shape),
      shape,
    ),
  };
}

/** Each element is read before its position is written, so the result may overwrite an input without other readers. */
const mayOverwrite = (b: OneDnnBuilder, input: number, form: Form): boolean =>
  b.lastReader(input) && b.value(input).forms[0] === form;
