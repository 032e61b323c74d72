import { type Shape, sizeOf } from '../../../graph/types.js';
import type { Cluster } from '../../plan/fusion.js';
import { readerOf, readersOf } from '../../plan/users.js';
import { Arg } from '../api/dnnl.js';
import type { OneDnnBuilder } from '../builder.js';
import { same } from '../forms.js';
import type { Form } from '../ir.js';
import { spoilOverflow } from './correct/overflow.js';
import { emitInto, type Operand } from './emit.js';

/*
 * Layer normalisation is written as normalised rows x̂, a product with γ and a sum with β. One primitive computes all three,
 * and one the gradients of x, γ and β, if nothing else reads x̂.
 */

/** Mean and variance of rows that a primitive has normalised. */
interface Statistics {
  readonly mean: Form;
  readonly variance: Form;
}

/** A normalisation with scale and shift. */
interface Layer {
  /** The node of x̂. */
  readonly rows: number;
  readonly gamma: number;
  readonly beta: number;
  /** x̂ · γ, and the result. */
  readonly nodes: readonly [number, number];
  readonly grads: Gradients | undefined;
}

/** Nodes of the gradients, given the gradient dy of the result. */
interface Gradients {
  readonly dy: number;
  /** dy · x̂, and its sum over the rows. */
  readonly gamma: readonly [number, number];
  /** The sum of dy, if the graph has it. */
  readonly beta: number | undefined;
  /** dy · γ, and the gradient of the rows, if the graph has them. */
  readonly x: readonly [number, number] | undefined;
}

/** What the normalisations of a plan have left for their gradients. */
interface Known {
  /** By the value of the rows' input, their shape, and eps. */
  readonly statistics: Map<string, Statistics>;
  /** By the last node of each cluster that the primitive of the gradients replaces. */
  readonly layers: Map<number, Layer>;
}

const known = new WeakMap<OneDnnBuilder, Known>();
function knownOf(b: OneDnnBuilder): Known {
  let found = known.get(b);
  if (!found) known.set(b, (found = { statistics: new Map(), layers: new Map() }));
  return found;
}

/** @param i the node of normalised rows, or of their gradient @param x their input */
const keyOf = (b: OneDnnBuilder, i: number, x: number): string =>
  `${b.sourceOf(x)} ${b.node(i).shape} ${b.node(i).attrs.eps}`;

export function lowerNormalizeRows(b: OneDnnBuilder, i: number): boolean {
  const { inputs, attrs, shape } = b.node(i);
  if (shape.includes(0)) return false;
  const [x] = inputs as [number];
  const { statistics, layers } = knownOf(b);
  const src = b.plainForm(x);
  const rows = [shape[0]!];
  const layer = layerOf(b, i);
  const pd = b.dnnl.layerNormForward(src.md, b.dnnl.plain(rows), attrs.eps as number, layer !== undefined);
  const [mean, variance] = [b.newForm(rows, b.dnnl.plain(rows)), b.newForm(rows, b.dnnl.plain(rows))];
  statistics.set(keyOf(b, i, x), { mean, variance });
  const operands: Operand[] = [
    [Arg.src, src],
    [Arg.mean, mean],
    [Arg.variance, variance],
  ];
  if (!layer) {
    emitInto(b, i, pd, src, operands);
    spoilOverflow(b, i, variance, b.value(i).forms[0]!);
    return true;
  }
  const out = b.newForm(src.dims, src.md);
  const affine: Operand[] = [
    [Arg.scale, vector(b, layer.gamma)],
    [Arg.shift, vector(b, layer.beta)],
  ];
  b.emitPrimitive(i, pd, [...operands, ...affine, [Arg.dst, out]], 'layerNorm');
  spoilOverflow(b, i, variance, out);
  for (const node of layer.nodes) b.done.add(node);
  // Nothing reads the values in between; reshapes ask for them.
  for (const node of [i, ...layer.nodes]) b.define(node, out);
  const { grads } = layer;
  if (grads) for (const node of startsOf(grads)) layers.set(node, layer);
  return true;
}

/** γ or β as a vector. */
const vector = (b: OneDnnBuilder, i: number): Form => {
  const size = [sizeOf(b.node(i).shape)];
  return b.form(i, size, b.dnnl.plain(size));
};

/** The nodes of which any may come first, and at which all gradients are computed. */
const startsOf = ({ gamma, beta, x }: Gradients): number[] => [
  gamma[1],
  ...(beta === undefined ? [] : [beta]),
  ...(x ? [x[0]] : []),
];

/** Lowers the gradients of a normalisation with scale and shift, at the first cluster that belongs to them. */
export function lowerLayerNormGrad(b: OneDnnBuilder, { nodes }: Cluster): boolean {
  const layer = known.get(b)?.layers.get(nodes.at(-1)!);
  const grads = layer?.grads;
  if (!layer || !grads) return false;
  const { inputs, shape, attrs } = b.node(layer.rows);
  const [x] = inputs as [number];
  const { mean, variance } = knownOf(b).statistics.get(keyOf(b, layer.rows, x))!;
  const d = b.dnnl;
  const src = b.form(x, shape, d.plain(shape));
  const size = [shape[1]!];
  const [dx, diffGamma, diffBeta] = [
    b.newForm(shape, src.md),
    b.newForm(size, d.plain(size)),
    b.newForm(size, d.plain(size)),
  ];
  b.emitPrimitive(
    grads.x?.[1] ?? grads.gamma[1],
    d.layerNormBackward(src.md, d.plain([shape[0]!]), attrs.eps as number, true),
    [
      [Arg.src, src],
      [Arg.mean, mean],
      [Arg.variance, variance],
      [Arg.diffDst, b.form(grads.dy, shape, d.plain(shape))],
      // Gradients do not depend on the shift, which the library asks for all the same.
      [Arg.scale, vector(b, layer.gamma)],
      [Arg.shift, vector(b, layer.beta)],
      [Arg.diffSrc, dx],
      [Arg.diffScale, diffGamma],
      [Arg.diffShift, diffBeta],
    ],
    'layerNormGrad',
  );
  // As above, for the values in between.
  for (const node of grads.gamma) b.define(node, diffGamma);
  if (grads.beta !== undefined) b.define(grads.beta, diffBeta);
  for (const node of grads.x ?? []) b.define(node, dx);
  const all = [...grads.gamma, ...(grads.beta === undefined ? [] : [grads.beta]), ...(grads.x ?? [])];
  for (const node of all) if (!nodes.includes(node)) b.done.add(node);
  return true;
}

export function lowerNormalizeRowsGrad(b: OneDnnBuilder, i: number): boolean {
  const { inputs, attrs, shape } = b.node(i);
  const [dy, x] = inputs as [number, number];
  const statistics = known.get(b)?.statistics.get(keyOf(b, i, x));
  if (!statistics) return false;
  const { mean, variance } = statistics;
  const src = b.plainForm(x);
  const pd = b.dnnl.layerNormBackward(src.md, b.dnnl.plain([shape[0]!]), attrs.eps as number, false);
  const operands: Operand[] = [
    [Arg.src, src],
    [Arg.mean, mean],
    [Arg.variance, variance],
    [Arg.diffDst, b.plainForm(dy)],
  ];
  return emitInto(b, i, pd, src, operands, Arg.diffSrc);
}

/** The other input of a node that reads this value once. */
function otherInput(b: OneDnnBuilder, node: number, value: number): number | undefined {
  const isOther = (input: number): boolean => b.sourceOf(input) !== b.sourceOf(value);
  const others = b.node(node).inputs.filter(isOther);
  return others.length === 1 && b.node(node).inputs.length === 2 ? others[0] : undefined;
}

/** Whether exactly these nodes are a cluster. */
const isCluster = (b: OneDnnBuilder, ...nodes: readonly number[]): boolean =>
  same(b.clusters.get(nodes.at(-1)!)?.nodes ?? [], nodes);

/** Whether a value has one number for each position of a row, and is known. */
function isVector(b: OneDnnBuilder, i: number, whole: Shape, size: number): boolean {
  const { shape, dtype } = b.node(i);
  const last = whole.slice(whole.length - shape.length);
  return dtype === 'float32' && sizeOf(shape) === size && same(shape, last) && b.values[i] !== undefined;
}

/** The scale and shift of normalised rows, and their gradients, if a primitive can compute them too. */
function layerOf(b: OneDnnBuilder, rows: number): Layer | undefined {
  const readers = readersOf(b, rows);
  const products = readers?.filter((reader) => b.node(reader).op === 'mul') ?? [];
  if (!readers || products.length !== readers.length || readers.length > 2) return undefined;
  const size = b.node(rows).shape[1]!;
  for (const product of products) {
    const found = affineOf(b, rows, product, size);
    if (!found) continue;
    const other = products.find((reader) => reader !== product);
    if (other === undefined) return { rows, ...found, grads: undefined };
    const grads = gradientsOf(b, rows, other, found.gamma, size);
    return grads && { rows, ...found, grads };
  }
  return undefined;
}

function affineOf(
  b: OneDnnBuilder,
  rows: number,
  product: number,
  size: number,
): Pick<Layer, 'gamma' | 'beta' | 'nodes'> | undefined {
  const { shape } = b.node(product);
  const gamma = otherInput(b, product, rows);
  const sum = readerOf(b, product);
  if (gamma === undefined || sum === undefined || b.node(sum).op !== 'add') return undefined;
  const beta = otherInput(b, sum, product);
  const fits =
    beta !== undefined &&
    same(b.node(sum).shape, shape) &&
    isCluster(b, product, sum) &&
    isVector(b, gamma, shape, size) &&
    isVector(b, beta, shape, size);
  return fits ? { gamma, beta, nodes: [product, sum] } : undefined;
}

/** @param product dy · x̂ */
function gradientsOf(
  b: OneDnnBuilder,
  rows: number,
  product: number,
  gamma: number,
  size: number,
): Gradients | undefined {
  const { shape } = b.node(product);
  const dy = otherInput(b, product, rows);
  const sum = readerOf(b, product);
  if (dy === undefined || sum === undefined || !same(b.node(dy).shape, shape)) return undefined;
  const lead = shape.length - b.node(gamma).shape.length;
  const isRowSum = (node: number): boolean => {
    const { op, attrs, shape: reduced } = b.node(node);
    return (
      op === 'sum' &&
      sizeOf(reduced) === size &&
      same(attrs.axes as number[], shape.map((_, d) => d).slice(0, lead))
    );
  };
  if (!isRowSum(sum) || !isCluster(b, product, sum)) return undefined;
  const readers = b.users[dy]!;
  const beta = readers.find((reader) => isRowSum(reader) && isCluster(b, reader));
  const scaled = readers.find(
    (reader) =>
      b.node(reader).op === 'mul' &&
      b.sourceOf(otherInput(b, reader, dy) ?? dy) === b.sourceOf(gamma) &&
      isCluster(b, reader),
  );
  const grad = scaled === undefined ? undefined : readerOf(b, scaled);
  const own = grad === undefined ? undefined : b.node(grad);
  const isGradient =
    own?.op === 'normalizeRowsGrad' &&
    keyOf(b, grad!, own.inputs[1]!) === keyOf(b, rows, b.node(rows).inputs[0]!);
  return { dy, gamma: [product, sum], beta, x: isGradient ? [scaled!, grad!] : undefined };
}
