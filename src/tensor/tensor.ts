import type { Device } from '../backend/backend.js';
import { checkBooleans, checkNumber, checkOptionNames, shown } from '../errors/arguments.js';
import { ShapeError, UsageError } from '../errors/errors.js';
import { fix } from '../graph/grad-mode.js';
import { hostLeaf, type Node, storageLeaf, upcomingId } from '../graph/node.js';
import {
  type DType,
  dtypeOf,
  isFloat,
  makeArray,
  type Shape,
  sameShape,
  showShape,
  sizeOf,
  type TypedArray,
  withMemory,
} from '../graph/types.js';
import * as ops from '../ops/index.js';
import {
  asTypedArray,
  axesOf,
  checkDType,
  checkShape,
  checkValues,
  convert,
  flatten,
  listOf,
  reducedAxes,
} from './arguments.js';
import { dependsOn, gradients } from './autograd.js';
import { checkDevice } from './check-device.js';
import { compared } from './comparison.js';
import { addHook, hooked } from './hooks.js';
import { realize, valuesOf } from './realize.js';
import { DeviceStorage } from './storage.js';
import { copyOf } from './truth.js';

/** The tensors of leaves for which `backward` computes gradients. */
export const leafOwners = new WeakMap<Node, Tensor>();

/** Nested arrays of numbers, such as [[1, 2], [3, 4]]. */
export type NestedNumbers = number | readonly NestedNumbers[];

/**
 * A multi-dimensional array: a handle on a value in a graph. Operations check shapes at once and compute nothing until
 * `data()`, `item()` or an optimizer's step needs the value. Memory is freed by the garbage collector.
 *
 * @example
 * const x = tensor([[1, 2], [3, 4]]);
 * console.log(await x.mul(x).sum().item()); // 30
 */
export class Tensor {
  #grad: Tensor | null = null;
  /** The scalars whose `backward()` created this gradient; a step computes them in the same run. */
  origins: readonly Tensor[] = [];
  protected current: Node;

  constructor(node: Node, requiresGrad = false) {
    this.current = node;
    if (requiresGrad) this.#own();
  }

  #own(): void {
    const { dtype } = this.current;
    if (!isFloat(dtype))
      throw new UsageError({
        what: 'requiresGrad is for floating-point tensors',
        expected: 'float32 or float64',
        got: dtype,
        next: 'convert with toFloat()',
      });
    leafOwners.set(this.current, this);
  }

  get node(): Node {
    return this.current;
  }
  get shape(): Shape {
    return this.current.shape;
  }
  get dtype(): DType {
    return this.current.dtype;
  }
  get size(): number {
    return sizeOf(this.shape);
  }
  /** Gradient computed by `backward()`, for leaves that require one. */
  get grad(): Tensor | null {
    return this.#grad;
  }
  /** @throws UsageError or ShapeError unless it is null or a tensor of this one's shape and type */
  set grad(value: Tensor | null) {
    if (value !== null && value !== undefined) checkGrad(this, value);
    this.#grad = value ?? null;
  }
  /** True for a tensor whose gradient `backward()` keeps in `grad`. */
  get requiresGrad(): boolean {
    return leafOwners.has(this.current);
  }
  /**
   * Decides whether `backward()` computes a gradient for this leaf; `requires_grad_()` in PyTorch. As there, a result of
   * operations on constants is a leaf.
   * @throws UsageError for a result that depends on a tensor with a gradient, and for integers
   */
  set requiresGrad(value: boolean) {
    checkBooleans('requiresGrad', { value });
    if (dependsOn([this.current], (node) => node !== this.current && leafOwners.has(node)))
      throw new UsageError({
        what: 'requiresGrad can be set for leaves only',
        expected: 'a tensor that depends on no other with a gradient',
        got: `the result of ${this.current.op}`,
        next: value ? 'call retainGrad() to keep its gradient' : 'detach() it',
      });
    if (value) this.#own();
    else leafOwners.delete(this.current);
  }

  /** All values in row-major order. */
  async data(): Promise<TypedArray> {
    return valuesOf(this.node);
  }

  /** The value of a one-element tensor. */
  async item(): Promise<number> {
    if (this.size !== 1)
      throw new ShapeError({
        what: 'item() reads a single value',
        expected: 'a tensor of one element',
        got: showShape(this.shape),
        next: 'use data() for all values, or reduce with mean() or sum() first',
      });
    return (await this.data())[0]!;
  }

  /** A copy of the tensor in a device's memory. */
  async to(device: Device): Promise<Tensor> {
    checkDevice(device);
    const { node } = this;
    return new Tensor(copyOf(node, storageLeaf(new DeviceStorage(device, this, await this.data()))));
  }

  /** The same values as a constant: no gradient flows through. */
  detach(): Tensor {
    return new Tensor(ops.detach(this.node));
  }

  /** Lets `backward()` keep the gradient of an operation's result in `grad` too. */
  retainGrad(): void {
    if (!leafOwners.has(this.current)) leafOwners.set(this.current, this);
  }

  /**
   * Calls a function with the gradient of this tensor when `backward()` has described it. A tensor that it returns takes
   * the gradient's place, in `grad` and for the values before this one.
   *
   * @returns `remove()` ends it
   * @example
   * hidden.registerHook((grad) => grad.mul(0.5));
   */
  registerHook(hook: GradHook): Removable {
    return addGradHook(this.current, hook);
  }

  /**
   * Computes the gradients of this scalar with respect to every leaf that requires one, and adds them to `grad`, as in
   * PyTorch.
   *
   * @param gradient the gradient with respect to this tensor, for one that is not a scalar
   */
  backward(gradient?: Tensor): void {
    const first = upcomingId();
    const seed = seedOf('backward', this, gradient);
    const found = gradients(this.node, seed, (node) => leafOwners.has(node), hooked);
    if (found.size === 0)
      throw new ShapeError({
        what: 'backward() found nothing to differentiate',
        expected: 'a value that depends on a parameter or on a tensor with requiresGrad',
        got: 'constants only',
      });
    for (const [leaf, grad] of found) {
      const owner = leafOwners.get(leaf)!;
      // As in PyTorch, a gradient in `grad` is a constant: a loss of it differentiates nothing twice. It may be the given
      // `gradient` itself, or another value that has gradients of its own.
      const part = new Tensor(grad.id < first ? ops.detach(grad) : fix(grad));
      const made = owner.grad ? owner.grad.add(part) : part;
      made.origins = [...(owner.grad?.origins ?? []), this];
      owner.grad = made;
    }
  }

  add(other: Tensor | number): Tensor {
    return typeof other === 'number'
      ? this.#affine('add', 1, other)
      : new Tensor(ops.add(this.node, operand('add', other)));
  }
  sub(other: Tensor | number): Tensor {
    return typeof other === 'number'
      ? this.#affine('sub', 1, -other)
      : new Tensor(ops.sub(this.node, operand('sub', other)));
  }
  mul(other: Tensor | number): Tensor {
    return typeof other === 'number'
      ? this.#affine('mul', other, 0)
      : new Tensor(ops.mul(this.node, operand('mul', other)));
  }
  div(other: Tensor | number): Tensor {
    return typeof other === 'number'
      ? this.#affine('div', 1 / other, 0)
      : new Tensor(ops.div(this.node, operand('div', other)));
  }
  #affine(method: string, scale: number, shift: number): Tensor {
    return new Tensor(ops.scaled(method, this.node, { scale, shift }));
  }
  neg(): Tensor {
    return ops.areIntegers(this.node) ? this.mul(-1) : new Tensor(ops.neg(this.node));
  }
  exp(): Tensor {
    return new Tensor(ops.exp(this.node));
  }
  log(): Tensor {
    return new Tensor(ops.log(this.node));
  }
  sqrt(): Tensor {
    return new Tensor(ops.sqrt(this.node));
  }
  square(): Tensor {
    return new Tensor(ops.square(this.node));
  }
  abs(): Tensor {
    return new Tensor(ops.abs(this.node));
  }
  pow(exponent: number): Tensor {
    checkNumber('pow', 'exponent', exponent, { expected: 'a number' });
    return new Tensor(ops.pow(this.node, { exponent }));
  }
  relu(): Tensor {
    return new Tensor(ops.relu(this.node));
  }
  leakyRelu(negativeSlope = 0.01): Tensor {
    checkNumber('leakyRelu', 'negativeSlope', negativeSlope, { expected: 'a number' });
    return new Tensor(ops.leakyRelu(this.node, negativeSlope));
  }
  sigmoid(): Tensor {
    return new Tensor(ops.sigmoid(this.node));
  }
  tanh(): Tensor {
    return new Tensor(ops.tanh(this.node));
  }
  softmax(axis = -1): Tensor {
    return new Tensor(ops.softmax(this.node, axis));
  }
  logSoftmax(axis = -1): Tensor {
    return new Tensor(ops.logSoftmax(this.node, axis));
  }
  /** The larger elements; NaN where either is NaN. */
  maximum(other: Tensor | number): Tensor {
    return new Tensor(ops.maximum(this.node, this.#other('maximum', other)));
  }
  /** The smaller elements; NaN where either is NaN. */
  minimum(other: Tensor | number): Tensor {
    return new Tensor(ops.minimum(this.node, this.#other('minimum', other)));
  }
  /** Elements limited to [min, max], one of which may be left out; the gradient at the limits is 0. */
  clamp(min?: number, max?: number): Tensor {
    if (min === undefined && max === undefined)
      throw new UsageError({
        what: 'clamp() got no limit',
        expected: 'clamp(min, max), clamp(min) or clamp(undefined, max)',
        got: 'neither',
      });
    const limits = {
      min: min === undefined ? Number.NEGATIVE_INFINITY : min,
      max: max === undefined ? Number.POSITIVE_INFINITY : max,
    };
    checkLimits('clamp', limits);
    if (ops.areIntegers(this.node)) {
      const above = min === undefined ? this : this.maximum(min);
      return max === undefined ? above : above.minimum(max);
    }
    return new Tensor(ops.clamp(this.node, limits));
  }
  floor(): Tensor {
    return new Tensor(ops.floor(this.node));
  }
  sign(): Tensor {
    return new Tensor(ops.sign(this.node));
  }
  erf(): Tensor {
    return new Tensor(ops.erf(this.node));
  }
  /** The sine of radians; in float32 for absolute values up to 10^5. */
  sin(): Tensor {
    return new Tensor(ops.sin(this.node));
  }
  /** The cosine of radians; in float32 for absolute values up to 10^5. */
  cos(): Tensor {
    return new Tensor(ops.cos(this.node));
  }
  /** 1 where the elements are equal, else 0. */
  equal(other: Tensor): Tensor {
    return new Tensor(ops.equal(this.node, operand('equal', other, false)));
  }
  /** 1 where the elements are equal, else 0. Integers are compared exactly, also with a number that is an int32. */
  eq(other: Tensor | number): Tensor {
    return new Tensor(ops.equal(...this.#compared('eq', other)));
  }
  /** 0 where the elements are equal, else 1. */
  ne(other: Tensor | number): Tensor {
    return this.eq(other).#affine('ne', -1, 1);
  }
  /** 1 where an element is less than the other one, else 0; likewise `le`, `gt` and `ge`. */
  lt(other: Tensor | number): Tensor {
    return new Tensor(ops.less(...this.#compared('lt', other)));
  }
  gt(other: Tensor | number): Tensor {
    const [own, given] = this.#compared('gt', other);
    return new Tensor(ops.less(given, own));
  }
  le(other: Tensor | number): Tensor {
    return this.lt(other).maximum(this.eq(other));
  }
  ge(other: Tensor | number): Tensor {
    return this.gt(other).maximum(this.eq(other));
  }
  /** The two sides of a comparison, which integers may be, too. */
  #compared(method: string, other: Tensor | number): readonly [Node, Node] {
    return compared(method, this.node, typeof other === 'number' ? other : operand(method, other));
  }
  /** The node of an operand; a number becomes a scalar of this tensor's type. */
  #other(method: string, other: Tensor | number): Node {
    if (typeof other !== 'number') return operand(method, other);
    return full([], other, this.dtype).node;
  }
  /**
   * Matrix product of the last two dimensions. Leading dimensions broadcast; a vector is a row on the left or a column on
   * the right, whose dimension the result lacks.
   */
  matmul(other: Tensor): Tensor {
    return new Tensor(ops.matmul(this.node, operand('matmul', other, false)));
  }
  /** Sum over one or several axes; over all by default, and for an empty list. */
  sum(axes?: number | readonly number[], keepDims = false): Tensor {
    return new Tensor(ops.sum(this.node, reducedAxes('sum', axes, keepDims), keepDims));
  }
  mean(axes?: number | readonly number[], keepDims = false): Tensor {
    return new Tensor(ops.mean(this.node, reducedAxes('mean', axes, keepDims), keepDims));
  }
  max(axes?: number | readonly number[], keepDims = false): Tensor {
    return new Tensor(ops.max(this.node, reducedAxes('max', axes, keepDims), keepDims));
  }
  min(axes?: number | readonly number[], keepDims = false): Tensor {
    return new Tensor(ops.min(this.node, reducedAxes('min', axes, keepDims), keepDims));
  }
  /** Product over one or several axes; over all by default. */
  prod(axes?: number | readonly number[], keepDims = false): Tensor {
    return new Tensor(ops.prod(this.node, reducedAxes('prod', axes, keepDims), keepDims));
  }
  /** Variance over one or several axes; `correction` 0 gives the biased one. */
  var(axes?: number | readonly number[], options: SpreadOptions = {}): Tensor {
    const { correction, keepDims } = spread('var', options);
    return new Tensor(ops.variance(this.node, reducedAxes('var', axes, keepDims), correction, keepDims));
  }
  /** Standard deviation over one or several axes. */
  std(axes?: number | readonly number[], options: SpreadOptions = {}): Tensor {
    const { correction, keepDims } = spread('std', options);
    return new Tensor(ops.std(this.node, reducedAxes('std', axes, keepDims), correction, keepDims));
  }
  /** The norm (Σ |x|^p)^(1/p) over one or several axes; over all by default. */
  norm(p = 2, axes?: number | readonly number[], keepDims = false): Tensor {
    checkLimits('norm', { p });
    return new Tensor(ops.norm(this.node, p, reducedAxes('norm', axes, keepDims), keepDims));
  }
  /** log Σ e^x over one or several axes, without overflow. */
  logsumexp(axes?: number | readonly number[], keepDims = false): Tensor {
    return new Tensor(ops.logsumexp(this.node, reducedAxes('logsumexp', axes, keepDims), keepDims));
  }
  /** Sums up to and including each position of an axis. */
  cumsum(axis: number): Tensor {
    return new Tensor(ops.cumsum(this.node, axis));
  }
  /** The position of the largest value along an axis, the first of several. */
  argmax(axis = -1, keepDims = false): Tensor {
    checkBooleans('argmax', { keepDims });
    return new Tensor(ops.argmax(this.node, axis)).#kept(axis, keepDims);
  }
  /** The position of the smallest value along an axis, the first of several. */
  argmin(axis = -1, keepDims = false): Tensor {
    checkBooleans('argmin', { keepDims });
    return new Tensor(ops.argmin(this.node, axis)).#kept(axis, keepDims);
  }
  /** This result of a reduction with the reduced axis, if that is to be kept. */
  #kept(axis: number, keepDims: boolean): Tensor {
    return keepDims ? this.unsqueeze(axis) : this;
  }
  /** The largest values along an axis and their positions: PyTorch's `x.max(dim)`. */
  maxWithIndices(axis: number, keepDims = false): Ordered {
    checkBooleans('maxWithIndices', { keepDims });
    return ordered(ops.maxWithIndices(this.node, axis, keepDims));
  }
  /** The smallest values along an axis and their positions: PyTorch's `x.min(dim)`. */
  minWithIndices(axis: number, keepDims = false): Ordered {
    checkBooleans('minWithIndices', { keepDims });
    return ordered(ops.minWithIndices(this.node, axis, keepDims));
  }
  /** The values of an axis in order and their positions; equal ones keep their order, NaN is the largest. */
  sort(axis = -1, descending = false): Ordered {
    checkBooleans('sort', { descending });
    return ordered(ops.sort(this.node, axis, descending));
  }
  /** Positions that sort an axis. */
  argsort(axis = -1, descending = false): Tensor {
    checkBooleans('argsort', { descending });
    return new Tensor(ops.argsort(this.node, axis, descending));
  }
  /** The k largest (or smallest) values of an axis in order, and their positions. */
  topk(k: number, axis = -1, largest = true): Ordered {
    checkBooleans('topk', { largest });
    return ordered(ops.topk(this.node, k, axis, largest));
  }
  /** The same elements with another shape; one dimension may be -1: it is inferred. */
  reshape(...shape: readonly [Shape] | readonly number[]): Tensor {
    return new Tensor(ops.reshape(this.node, listOf('reshape', 'a shape, such as [2, -1]', shape)));
  }
  flatten(startDim = 0, endDim = -1): Tensor {
    return new Tensor(ops.flatten(this.node, startDim, endDim));
  }
  /** Splits an axis into several; one size may be −1. */
  unflatten(axis: number, sizes: readonly number[]): Tensor {
    return new Tensor(ops.unflatten(this.node, axis, listOf('unflatten', 'sizes, such as [2, -1]', [sizes])));
  }
  /** Reorders the axes; negative ones count from the end. */
  permute(...axes: readonly [readonly number[]] | readonly number[]): Tensor {
    return new Tensor(ops.permute(this.node, listOf('permute', 'axes, such as [1, 0]', axes)));
  }
  /** Exchanges two axes. */
  transpose(first: number, second: number): Tensor {
    return new Tensor(ops.transpose(this.node, first, second));
  }
  /** Removes axes of size 1: the given ones, where their size is 1, or all. */
  squeeze(axes?: number | readonly number[]): Tensor {
    return new Tensor(ops.squeeze(this.node, axesOf('squeeze', axes)));
  }
  /** Adds an axis of size 1. */
  unsqueeze(axis: number): Tensor {
    return new Tensor(ops.unsqueeze(this.node, axis));
  }
  /** Repeats along axes of size 1, to a shape in which −1 keeps a size. */
  expand(...shape: readonly [Shape] | readonly number[]): Tensor {
    return new Tensor(ops.expand(this.node, listOf('expand', 'a shape, such as [4, -1]', shape)));
  }
  /** Repeats the whole tensor along each axis, as often as the number given for it. */
  repeat(...times: readonly [readonly number[]] | readonly number[]): Tensor {
    return new Tensor(ops.repeat(this.node, listOf('repeat', 'numbers of copies, such as [2, 1]', times)));
  }
  /** Parts of `size` positions along an axis, or parts of the given sizes. */
  split(size: number | readonly number[], axis = 0): Tensor[] {
    return ops.split(this.node, size, axis).map((part) => new Tensor(part));
  }
  /** At most `chunks` parts along an axis, all of the same size except the last. */
  chunk(chunks: number, axis = 0): Tensor[] {
    return ops.chunk(this.node, chunks, axis).map((part) => new Tensor(part));
  }
  /** The slices along an axis, each without that axis. */
  unbind(axis = 0): Tensor[] {
    return ops.unbind(this.node, axis).map((part) => new Tensor(part));
  }
  /** The slice at one position of an axis, without that axis. */
  select(axis: number, index: number): Tensor {
    return new Tensor(ops.select(this.node, axis, index));
  }
  /**
   * Python's `x[…]`, with one part for each axis: a position, a range `[start, end, step]` (null: to the end), int32
   * positions, null for a new axis, or `'...'` for all axes that no other part is for.
   *
   * @example
   * x.index('...', 0); // x[..., 0]
   * x.index([1, -1], null); // x[1:-1, None]
   */
  index(...parts: readonly ops.Part<Tensor>[]): Tensor {
    const known = parts.map((part) =>
      part === null || part === '...' || typeof part === 'number' || isRange(part)
        ? part
        : operand('index', part, false),
    );
    return new Tensor(ops.pick(this.node, known));
  }
  /** `length` positions of an axis, from `start` on. */
  narrow(axis: number, start: number, length: number): Tensor {
    return new Tensor(ops.within(this.node, axis, start, length));
  }
  /** Every `step`-th position of an axis: Python's `x[start:end:step]`. */
  slice(axis: number, start?: number, end?: number, step?: number): Tensor {
    return new Tensor(ops.sliced(this.node, axis, start, end, step));
  }
  /** The positions of an axis that `indices` (int32, one axis) names, in its order. */
  indexSelect(axis: number, indices: Tensor): Tensor {
    return new Tensor(ops.indexSelect(this.node, operand('indexSelect', indices, false), axis));
  }
  /** One or several axes in reverse order. */
  flip(axes: number | readonly number[]): Tensor {
    return new Tensor(ops.flipAlong(this.node, listOf('flip', 'axes, such as [1]', [axes].flat())));
  }
  /**
   * Moves positions along axes, by one shift for each; those beyond the end come in at the beginning. Without axes, the
   * elements move in row-major order.
   */
  roll(shifts: number | readonly number[], axes?: number | readonly number[]): Tensor {
    const by = listOf('roll', 'shifts, such as [1]', [shifts].flat());
    if (axes === undefined) return this.reshape(-1).roll(by, 0).reshape(this.shape);
    const along = listOf('roll', 'axes, such as [1]', [axes].flat());
    if (by.length === along.length) return new Tensor(ops.roll(this.node, by, along));
    throw new UsageError({
      what: 'roll() got another number of axes than shifts',
      expected: String(by.length),
      got: String(along.length),
    });
  }
  /** Picks elements along an axis: y[i, j] = x[index[i, j], j] for axis 0. `index` is int32. */
  gather(axis: number, index: Tensor): Tensor {
    return new Tensor(ops.gather(this.node, axis, operand('gather', index, false)));
  }
  /** Adds each element of `source` to the element that `index` (int32) names along an axis. */
  scatterAdd(axis: number, index: Tensor, source: Tensor): Tensor {
    const [at, from] = [operand('scatterAdd', index, false), operand('scatterAdd', source, false)];
    return new Tensor(ops.scatterAdd(this.node, axis, at, from));
  }
  /** This tensor where the mask is 0, else `value`. */
  maskedFill(mask: Tensor, value: number): Tensor {
    checkLimits('maskedFill', { value });
    convert([value], this.dtype);
    return new Tensor(ops.maskedFill(this.node, operand('maskedFill', mask, false), value));
  }
  /** The lower triangle of matrices, 0 elsewhere. */
  tril(diagonal = 0): Tensor {
    checkDiagonal('tril', diagonal);
    return new Tensor(ops.tril(this.node, diagonal));
  }
  /** The upper triangle of matrices, 0 elsewhere. */
  triu(diagonal = 0): Tensor {
    checkDiagonal('triu', diagonal);
    return new Tensor(ops.triu(this.node, diagonal));
  }
  /** Converts bytes and integers to floating point. */
  toFloat(dtype: 'float32' | 'float64' = 'float32'): Tensor {
    if (dtype !== 'float32' && dtype !== 'float64')
      throw new UsageError({
        what: 'toFloat got a bad dtype',
        expected: "'float32' or 'float64'",
        got: shown(dtype),
      });
    return new Tensor(ops.cast(this.node, dtype));
  }
  toString(): string {
    return `Tensor(${showShape(this.shape)}, ${this.dtype})`;
  }

  /** Text, for messages. @throws UsageError for arithmetic or a comparison, which would compute with NaN */
  [Symbol.toPrimitive](hint: string): string {
    if (hint !== 'number') return this.toString();
    throw new UsageError({
      what: 'A tensor is not a number',
      expected: 'operations on tensors, such as x.mul(2) or x.lt(y), or a value that was read',
      got: this.toString(),
      next: 'read the value with await x.item(), or all values with await x.data()',
    });
  }
}

/** Values along an axis and their positions (int32). */
export interface Ordered {
  readonly values: Tensor;
  readonly indices: Tensor;
}

const ordered = ({ values, indices }: ops.Ordered): Ordered => ({
  values: new Tensor(values),
  indices: new Tensor(indices),
});

/** Options of `var` and `std`. */
export interface SpreadOptions {
  /** Subtracted from the number of elements in the divisor; 1 by default. */
  correction?: number;
  keepDims?: boolean;
}

function spread(method: string, options: SpreadOptions): Required<SpreadOptions> {
  checkOptionNames(method, options, ['correction', 'keepDims']);
  const { correction = 1, keepDims = false } = options;
  checkNumber(method, 'correction', correction, { least: 0, expected: 'a number of at least 0' });
  return { correction, keepDims };
}

const isRange = (part: unknown): part is ops.Range =>
  Array.isArray(part) &&
  part.length <= 3 &&
  part.every((bound) => bound === null || bound === undefined || typeof bound === 'number');

/** @throws UsageError unless it is an integer, which may be negative */
function checkDiagonal(method: string, diagonal: unknown): void {
  if (Number.isSafeInteger(diagonal)) return;
  throw new UsageError({
    what: `${method}() got a bad diagonal`,
    expected: 'an integer: 0 for the main one, above it positive',
    got: shown(diagonal),
  });
}

/** @throws UsageError unless every value is a number, which may be infinite */
function checkLimits(method: string, values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values))
    if (typeof value !== 'number' || Number.isNaN(value))
      throw new UsageError({
        what: `${method}() got a bad ${name}`,
        expected: 'a number',
        got: shown(value),
      });
}

/** Looks at a gradient, or replaces it by the tensor that it returns. */
export type GradHook = (grad: Tensor) => Tensor | undefined;

/** A registered hook, which can be removed. */
export interface Removable {
  remove(): void;
}

function addGradHook(node: Node, hook: GradHook): Removable {
  if (typeof hook !== 'function')
    throw new UsageError({
      what: 'registerHook takes a function',
      expected: '(grad) => grad.mul(0.5), or one that returns nothing',
      got: shown(hook),
    });
  const own = (grad: Node): Node | undefined => {
    const made = hook(new Tensor(grad));
    if (made === undefined) return undefined;
    const result = operand('registerHook', made, false);
    if (sameShape(result.shape, grad.shape) && result.dtype === grad.dtype) return result;
    throw new ShapeError({
      what: 'A hook returned a gradient that does not fit its tensor',
      expected: `${grad.dtype} ${showShape(grad.shape)}`,
      got: `${result.dtype} ${showShape(result.shape)}`,
    });
  };
  const all = addHook(node, own);
  return { remove: () => void all.delete(own) };
}

/** The gradient of a value with respect to itself, from which differentiation starts. @throws ShapeError */
export function seedOf(method: string, of: Tensor, gradient: Tensor | undefined): Node {
  if (gradient !== undefined) {
    const seed = operand(method, gradient, false);
    if (sameShape(seed.shape, of.shape) && seed.dtype === of.dtype && isFloat(of.dtype)) return seed;
    throw new ShapeError({
      what: `${method}() got a gradient that does not fit`,
      expected: `${of.dtype} ${showShape(of.shape)}`,
      got: `${seed.dtype} ${showShape(seed.shape)}`,
    });
  }
  if (of.size === 1 && isFloat(of.dtype)) return full(of.shape, 1, of.dtype).node;
  throw new ShapeError({
    what: `${method}() starts from a scalar`,
    expected: 'a floating-point tensor of one element',
    got: `${of.dtype} ${showShape(of.shape)}`,
    next: 'reduce the loss with mean() or sum() first, or pass the gradient of the result',
  });
}

/** Computes several tensors in one run. */
export async function evaluate(...tensors: readonly Tensor[]): Promise<TypedArray[]> {
  for (const one of tensors) operand('evaluate', one, false);
  realize(
    tensors.map((t) => t.node),
    [],
  );
  return Promise.all(tensors.map((t) => t.data()));
}

/**
 * Creates a tensor from nested arrays, or from a typed array with a shape. Numbers become float32 by default.
 *
 * @throws UsageError for values that are not numbers or that the type cannot represent, ShapeError if nested arrays differ
 *   in length
 */
export function tensor(
  values: NestedNumbers | TypedArray,
  options: { shape?: Shape; dtype?: DType; requiresGrad?: boolean } = {},
): Tensor {
  checkOptionNames('tensor', options, ['shape', 'dtype', 'requiresGrad']);
  const { shape, dtype, requiresGrad = false } = options;
  checkBooleans('tensor', { requiresGrad });
  if (dtype !== undefined) checkDType('tensor', dtype);
  if (ArrayBuffer.isView(values)) {
    const data = asTypedArray('tensor', values);
    const full = shape === undefined ? [data.length] : shape;
    checkValues('tensor', data, full);
    return new Tensor(
      hostLeaf(convert(data, dtype ?? dtypeOf(data)), full, dtype ?? dtypeOf(data)),
      requiresGrad,
    );
  }
  const { flat, shape: found } = flatten(values);
  const type = dtype ?? 'float32';
  const data = convert(flat, type);
  const full = shape === undefined ? found : shape;
  checkValues('tensor', data, full);
  return new Tensor(hostLeaf(data, full, type), requiresGrad);
}

/** A tensor with the same value everywhere. @throws UsageError if the shape, the value or the type is not valid */
export const full = (shape: Shape, value: number, dtype?: DType): Tensor =>
  filled('full', shape, value, dtype);
export const zeros = (shape: Shape, dtype?: DType): Tensor => filled('zeros', shape, 0, dtype);
export const ones = (shape: Shape, dtype?: DType): Tensor => filled('ones', shape, 1, dtype);

function filled(name: string, shape: Shape, value: number, dtype: DType = 'float32'): Tensor {
  checkShape(name, shape);
  checkDType(name, dtype);
  if (typeof value !== 'number')
    throw new UsageError({ what: `${name} got a bad value`, expected: 'a number', got: shown(value) });
  convert([value], dtype);
  const data = withMemory(
    () => `A tensor ${showShape(shape)} of ${dtype}`,
    () => makeArray(dtype, sizeOf(shape)),
  );
  data.fill(value);
  return new Tensor(hostLeaf(data, shape, dtype));
}

/** The node of a function's argument, which is a tensor. @throws UsageError otherwise */
export function operand(method: string, other: unknown, numbers = true): Node {
  if (other instanceof Tensor) return other.node;
  throw new UsageError({
    what: `${method}() computes on tensors`,
    expected: numbers ? 'a Tensor or a number' : 'a Tensor',
    got: shown(other),
    next:
      other instanceof Promise
        ? 'await it'
        : Array.isArray(other) || ArrayBuffer.isView(other)
          ? 'convert it with tensor(…)'
          : 'pass a tensor',
  });
}

function checkGrad({ shape, dtype }: Tensor, grad: unknown): void {
  if (!(grad instanceof Tensor))
    throw new UsageError({
      what: 'grad takes a tensor or null',
      expected: `${dtype} ${showShape(shape)}`,
      got: shown(grad),
    });
  if (!sameShape(grad.shape, shape) || grad.dtype !== dtype)
    throw new ShapeError({
      what: 'This gradient does not fit its tensor',
      expected: `${dtype} ${showShape(shape)}`,
      got: `${grad.dtype} ${showShape(grad.shape)}`,
    });
}
