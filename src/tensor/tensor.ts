import type { Device } from '../backend/backend.js';
import { checkBooleans, checkNumber, checkOptionNames, shown } from '../errors/arguments.js';
import { ShapeError, UsageError } from '../errors/errors.js';
import { hostLeaf, type Node, storageLeaf } from '../graph/node.js';
import {
  type DType,
  dtypeOf,
  isFloat,
  isTypedArray,
  makeArray,
  type Shape,
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
} from './arguments.js';
import { gradients } from './autograd.js';
import { checkDevice } from './check-device.js';
import { realize, valuesOf } from './realize.js';
import { DeviceStorage } from './storage.js';

/** The tensors of leaves for which `backward` computes gradients. */
const leafOwners = new WeakMap<Node, Tensor>();

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
  /** Gradient computed by `backward()`, for leaves that require one. */
  grad: Tensor | null = null;
  /** The scalars whose `backward()` created this gradient; a step computes them in the same run. */
  origins: readonly Tensor[] = [];
  protected current: Node;

  constructor(node: Node, requiresGrad = false) {
    this.current = node;
    if (requiresGrad) leafOwners.set(node, this);
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
  /** True for a leaf for which `backward()` computes a gradient. */
  get requiresGrad(): boolean {
    return leafOwners.has(this.current);
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
    return new Tensor(storageLeaf(new DeviceStorage(device, this, await this.data())));
  }

  /** The same values as a constant: no gradient flows through. */
  detach(): Tensor {
    return new Tensor(ops.detach(this.node));
  }

  /**
   * Computes the gradients of this scalar with respect to every leaf that requires one, and adds them to `grad`, as in
   * PyTorch.
   */
  backward(): void {
    if (this.size !== 1 || !isFloat(this.dtype))
      throw new ShapeError({
        what: 'backward() starts from a scalar',
        expected: 'a floating-point tensor of one element',
        got: `${this.dtype} ${showShape(this.shape)}`,
        next: 'reduce the loss with mean() or sum() first',
      });
    const seed = full(this.shape, 1, this.dtype).node;
    const found = gradients(this.node, seed, (node) => leafOwners.has(node));
    if (found.size === 0)
      throw new ShapeError({
        what: 'backward() found nothing to differentiate',
        expected: 'a value that depends on a parameter or on a tensor with requiresGrad',
        got: 'constants only',
      });
    for (const [leaf, grad] of found) {
      const owner = leafOwners.get(leaf)!;
      const made = owner.grad ? owner.grad.add(new Tensor(grad)) : new Tensor(grad);
      made.origins = [...(owner.grad?.origins ?? []), this];
      owner.grad = made;
    }
  }

  add(other: Tensor | number): Tensor {
    return typeof other === 'number'
      ? this.#affine(1, other)
      : new Tensor(ops.add(this.node, operand('add', other)));
  }
  sub(other: Tensor | number): Tensor {
    return typeof other === 'number'
      ? this.#affine(1, -other)
      : new Tensor(ops.sub(this.node, operand('sub', other)));
  }
  mul(other: Tensor | number): Tensor {
    return typeof other === 'number'
      ? this.#affine(other, 0)
      : new Tensor(ops.mul(this.node, operand('mul', other)));
  }
  div(other: Tensor | number): Tensor {
    return typeof other === 'number'
      ? this.#affine(1 / other, 0)
      : new Tensor(ops.div(this.node, operand('div', other)));
  }
  #affine(scale: number, shift: number): Tensor {
    return new Tensor(ops.affine(this.node, { scale, shift }));
  }
  neg(): Tensor {
    return new Tensor(ops.neg(this.node));
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
  /** 1 where the elements are equal, else 0. */
  equal(other: Tensor): Tensor {
    return new Tensor(ops.equal(this.node, operand('equal', other, false)));
  }
  matmul(other: Tensor): Tensor {
    return new Tensor(ops.matmul(this.node, operand('matmul', other, false)));
  }
  /** Sum over one or several axes; over all by default. */
  sum(axes?: number | readonly number[], keepDims = false): Tensor {
    return new Tensor(ops.sum(this.node, axesOf('sum', axes, keepDims), keepDims));
  }
  mean(axes?: number | readonly number[], keepDims = false): Tensor {
    return new Tensor(ops.mean(this.node, axesOf('mean', axes, keepDims), keepDims));
  }
  max(axes?: number | readonly number[], keepDims = false): Tensor {
    return new Tensor(ops.max(this.node, axesOf('max', axes, keepDims), keepDims));
  }
  argmax(axis = -1): Tensor {
    return new Tensor(ops.argmax(this.node, axis));
  }
  /** The same elements with another shape; one dimension may be -1: it is inferred. */
  reshape(...shape: readonly [Shape] | readonly number[]): Tensor {
    return new Tensor(ops.reshape(this.node, listOf('reshape', 'a shape, such as [2, -1]', shape)));
  }
  flatten(startDim = 0): Tensor {
    return new Tensor(ops.flatten(this.node, startDim));
  }
  permute(...axes: readonly [readonly number[]] | readonly number[]): Tensor {
    return new Tensor(ops.permute(this.node, listOf('permute', 'axes, such as [1, 0]', axes)));
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
}

let parameterUse: ((parameter: Parameter) => void) | undefined;

/** Sets a listener that is called with each parameter used in a graph. */
export function onParameterUse(listener: (parameter: Parameter) => void): void {
  parameterUse = listener;
}

/** A tensor that a module owns and an optimizer updates in place, on the host or on a device. */
export class Parameter extends Tensor {
  #storage: DeviceStorage | undefined;
  #trainable: boolean;

  /** @param trainable false for buffers such as running statistics, which are saved but not optimised */
  constructor(data: TypedArray, shape: Shape, options: { trainable?: boolean; dtype?: DType } = {}) {
    checkOptionNames('Parameter', options, ['trainable', 'dtype']);
    checkValues('Parameter', data, shape);
    const { trainable = true, dtype = dtypeOf(data) } = options;
    checkBooleans('Parameter', { trainable });
    checkDType('Parameter', dtype);
    super(hostLeaf(data, shape, dtype), trainable);
    this.#trainable = trainable;
  }

  override get node(): Node {
    parameterUse?.(this);
    return this.current;
  }

  get storage(): DeviceStorage | undefined {
    return this.#storage;
  }

  /** Row-major values, a few megabytes at a time. A piece is valid until the next one is requested. */
  async *pieces(): AsyncGenerator<TypedArray, void, void> {
    if (this.#storage) yield* this.#storage.pieces();
    else yield await this.data();
  }

  /** The device of the values; undefined if they are on the host. */
  get device(): Device | undefined {
    return this.#storage?.device;
  }

  /** Moves the values to a device. For values on the host, the move is complete when the call returns. */
  async place(device: Device): Promise<void> {
    checkDevice(device);
    if (this.#storage?.device === device) return;
    const source = this.node.source;
    const data = source?.kind === 'host' ? source.data : await this.data();
    this.#storage = new DeviceStorage(device, this, data);
    this.#bind(storageLeaf(this.#storage));
  }

  /** Overwrites the values, for example from a checkpoint. */
  load(data: TypedArray): void {
    if (!isTypedArray(data))
      throw new UsageError({
        what: 'load() got no typed array',
        expected: 'a Float32Array',
        got: shown(data),
      });
    if (data.length !== this.size || dtypeOf(data) !== this.dtype)
      throw new ShapeError({
        what: 'Values do not fit the parameter',
        expected: `${this.size} values of ${this.dtype}`,
        got: `${data.length} of ${dtypeOf(data)}`,
      });
    if (this.#storage) {
      this.#storage.write(data);
      this.#bind(storageLeaf(this.#storage));
    } else this.#bind(hostLeaf(data, this.shape, this.dtype));
  }

  /**
   * An array to fill and pass to `load()`. For a parameter on the host it is the parameter's own array, so that
   * initialising a model creates no garbage.
   */
  blank(): TypedArray {
    const source = this.node.source;
    return source?.kind === 'host' ? source.data : makeArray(this.dtype, this.size);
  }

  /** Freezes the parameter: from now on no gradient is computed for it. */
  freeze(): void {
    this.#trainable = false;
    leafOwners.delete(this.current);
    this.grad = null;
  }

  /** Call after queuing a run that updates the storage. */
  refresh(): void {
    this.#bind(storageLeaf(this.#storage!));
  }

  #bind(node: Node): void {
    this.current = node;
    if (this.#trainable) leafOwners.set(node, this);
  }
}

/**
 * Queues one run that computes `outputs` and writes new values into parameters.
 *
 * @param guard a scalar of the same run: if it is NaN or infinite, the parameters keep their values
 */
export function update(
  changes: readonly { parameter: Parameter; value: Node }[],
  outputs: readonly Tensor[] = [],
  guard?: Tensor,
): void {
  realize(
    outputs.map((t) => t.node),
    changes.map(({ parameter, value }) => ({ node: value, storage: parameter.storage! })),
    guard?.node,
  );
  for (const { parameter } of changes) parameter.refresh();
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
    const full = shape ?? [data.length];
    checkValues('tensor', data, full);
    return new Tensor(
      hostLeaf(convert(data, dtype ?? dtypeOf(data)), full, dtype ?? dtypeOf(data)),
      requiresGrad,
    );
  }
  const { flat, shape: found } = flatten(values);
  const type = dtype ?? 'float32';
  const data = convert(flat, type);
  checkValues('tensor', data, shape ?? found);
  return new Tensor(hostLeaf(data, shape ?? found, type), requiresGrad);
}

/** A tensor with the same value everywhere. @throws UsageError if the shape, the value or the type is not valid */
export function full(shape: Shape, value: number, dtype: DType = 'float32'): Tensor {
  checkShape('full', shape);
  checkDType('full', dtype);
  if (typeof value !== 'number')
    throw new UsageError({ what: 'full got a bad value', expected: 'a number', got: shown(value) });
  convert([value], dtype);
  const data = withMemory(
    () => `A tensor ${showShape(shape)} of ${dtype}`,
    () => makeArray(dtype, sizeOf(shape)),
  );
  data.fill(value);
  return new Tensor(hostLeaf(data, shape, dtype));
}
export const zeros = (shape: Shape, dtype?: DType): Tensor => full(shape, 0, dtype);
export const ones = (shape: Shape, dtype?: DType): Tensor => full(shape, 1, dtype);

/** The node of a method's argument: a tensor, or a number. */
function operand(method: string, other: unknown, numbers = true): Node {
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
