import { sizeOf } from '../../../graph/types.js';
import { type Formula, partsOf } from '../../../ops/formula.js';
import { broadcastDimensions, type Dimension } from '../../plan/broadcast.js';
import type { Cluster } from '../../plan/fusion.js';
import type { VectorKernel } from '../../simd/chain.js';
import { elementwiseKernel, reductionKernel, splitReduction } from '../../simd/cluster.js';
import type { KernelPool } from '../../simd/pool.js';
import { canRender } from '../../simd/render.js';
import type { DnnlType } from '../api/dnnl.js';
import type { OneDnnBuilder } from '../builder.js';
import type { Form } from '../ir.js';
import { padded } from './elementwise.js';
import { reachable } from './vectors.js';

/** Below this many elements a loop in TypeScript is as fast. */
const SMALL = 256;

/**
 * Lowers a group of elementwise nodes to one vector kernel. Returns false if the plan's memory is not accessible to
 * vector kernels, the formula has an operation that they do not support, or the size is small. Kernels compute in
 * float32.
 */
export function lowerCluster(b: OneDnnBuilder, cluster: Cluster): boolean {
  const { inputs, formula, reduce } = cluster;
  const size = sizeOf(reduce?.shape ?? b.node(cluster.nodes.at(-1)!).shape);
  const { arena } = b;
  if (!arena?.pool || !canRender(formula)) return false;
  if (size < SMALL && !followsVectors(b, inputs)) return false;
  if (inputs.some((input) => !NUMBERS.has(b.dnnl.typeOf(b.value(input).forms[0]!.md)))) return false;
  if (reduce) lowerReduction(b, cluster, arena.pool);
  else lowerElementwise(b, cluster, arena.pool);
  return true;
}

/** Types of values that clusters read. */
const NUMBERS: ReadonlySet<DnnlType> = new Set(['float32', 'bfloat16']);

/** Whether the plan's last step is a vector kernel that computes one of these values: one step can then do both. */
export const followsVectors = (b: OneDnnBuilder, inputs: readonly number[]): boolean =>
  inputs.some((input) => b.vectors?.endsWith(b.value(input).forms[0]!.region));

function lowerElementwise(b: OneDnnBuilder, cluster: Cluster, pool: KernelPool): void {
  const { nodes, inputs } = cluster;
  const root = nodes.at(-1)!;
  const size = sizeOf(b.node(root).shape);
  const { forms, lead, dimensions } = arrange(b, cluster);
  const isHalf = ({ md }: Pick<Form, 'md'>): boolean => b.dnnl.typeOf(md) === 'bfloat16';
  const halves = [...forms, lead].flatMap((form, k) => (isHalf(form) ? [k] : []));
  const kernel = elementwiseKernel(pool, cluster, dimensions, halves);
  const sources = forms.map((form, k) => reachable(b, inputs[k]!, form));
  const over = inputs.findIndex(
    (input, k) =>
      sizeOf(b.node(input).shape) === size &&
      isHalf(sources[k]!) === isHalf(lead) &&
      mayOverwrite(b, input, sources[k]!),
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

/**
 * Uses a blocked layout without padding if every input has it or is a scalar; otherwise row-major. Inputs of that layout
 * are read as they are, in bfloat16 or float32; others are float32.
 */
function arrange(b: OneDnnBuilder, cluster: Cluster): Arrangement {
  const { inputs } = cluster;
  const root = cluster.nodes.at(-1)!;
  const { shape, dtype } = b.node(root);
  const size = sizeOf(shape);
  const isFull = (input: number): boolean => sizeOf(b.node(input).shape) === size;
  const isScalar = (input: number): boolean => sizeOf(b.node(input).shape) === 1;
  const full = inputs.filter(isFull);
  if (full.length === 0 || !inputs.every((input) => isFull(input) || isScalar(input)))
    return {
      forms: inputs.map((input) => b.plainForm(input)),
      lead: { dims: shape, md: b.plainMd(shape, dtype) },
      dimensions: broadcastDimensions(
        inputs.map((input) => b.node(input).shape),
        shape,
      ),
    };
  const typeOf = (input: number): DnnlType => b.dnnl.typeOf(b.value(input).forms[0]!.md);
  const halves = full.filter((input) => typeOf(input) === 'bfloat16');
  const lead = leadOf(b, full);
  const half = lead && halves.length > 0 ? b.dnnl.withType(lead.md, 'bfloat16') : undefined;
  const form = (input: number): Form => {
    if (!lead || !isFull(input)) return b.plainForm(input);
    return b.form(input, lead.dims, half && typeOf(input) === 'bfloat16' ? half : lead.md);
  };
  const staysHalf = half && halves.length === full.length && keepsHalves(b, cluster);
  return {
    forms: inputs.map(form),
    lead: lead ? { dims: lead.dims, md: staysHalf ? half : lead.md } : b.plainForm(full[0]!),
    dimensions: [{ size, steps: inputs.map((input) => (isFull(input) ? 1 : 0)) }],
  };
}

/** The layout of the inputs with all elements, for float32: the first one that is not row-major. */
function leadOf(b: OneDnnBuilder, full: readonly number[]): Pick<Form, 'dims' | 'md'> | undefined {
  const made = full.map((input) => b.value(input).forms[0]!);
  const own = made.find(({ dims, md }) => !b.dnnl.equal(md, b.dnnl.plain(dims, b.dnnl.typeOf(md))));
  if (!own) return undefined;
  const md = b.float32Md(own.md);
  return md && !padded(b, own) ? { dims: own.dims, md } : undefined;
}

/** Operations of the library that read bfloat16. */
const READS_HALVES = new Set([
  'conv2d',
  'conv2dGradInput',
  'conv2dGradWeight',
  'batchNorm',
  'batchNormTrain',
  'batchNormTrainGrad',
  'maxPool2d',
  'maxPool2dGrad',
  'avgPool2d',
  'avgPool2dGrad',
]);
/** Parts of formulas such as activations, products and sums, after which another rounding matters little. */
const PLAIN_PARTS = new Set<Formula['kind']>([
  ...['input', 'constant', 'neg', 'abs', 'add', 'sub', 'mul', 'min', 'max', 'select'],
  ...['equal', 'less', 'lessEqual'],
] as Formula['kind'][]);

/** Whether a result of bfloat16 values stays in bfloat16, as in the library's own activations and sums. */
const keepsHalves = (b: OneDnnBuilder, { nodes, formula }: Cluster): boolean =>
  partsOf(formula).every(({ kind }) => PLAIN_PARTS.has(kind)) &&
  b.users[nodes.at(-1)!]!.some((user) => READS_HALVES.has(b.node(user).op));

/** Each element is read before its position is written, so the result may overwrite an input without other readers. */
const mayOverwrite = (b: OneDnnBuilder, input: number, form: Form): boolean =>
  b.lastReader(input) && b.value(input).forms[0] === form;
