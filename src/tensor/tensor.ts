import type { Device } from '../backend/backend.js';
import { ShapeError } from '../errors/errors.js';
import { hostLeaf, type Node, storageLeaf } from '../graph/node.js';
import {
  type DType,
  dtypeOf,
  isFloat,
  makeArray,
  type Shape,
  showShape,
  sizeOf,
  type TypedArray,
} from '../graph/types.js';
import * as ops from '../ops/index.js';
import { gradients } from './autograd.js';
import { realize, valuesOf } from './realize.js';
import { DeviceStorage } from './storage.js';

/** Leaves whose gradients `backward` collects. */
const leafOwners = new WeakMap<Node, Tensor>();

/** Nested arrays of numbers, as they are written in code. */
export type NestedNumbers = number | readonly NestedNumbers[];

/**
 * A multi-dimensional array, or rather a handle on a value in a graph: operations check shapes at once and
 * compute nothing until `data()`, `item()` or an optimizer's step asks. There is nothing to dispose of.
 *
 * @example
 * const x = tensor([[1, 2], [3, 4]]);
 * console.log(await x.mul(x).sum().item()); // 30
 */
export class Tensor {
  /** Gradient left by `backward()`, for leaves that require one. */
  grad: Tensor | null = null;
  /** The scalars whose `backward()` made this gradient, so that a step computes them in the same run. */
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
  /** True for a leaf that collects a gradient. */
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

  /** The same tensor in a device's memory, where it stays until nobody refers to it. */
  async to(device: Device): Promise<Tensor> {
    return new Tensor(storageLeaf(new DeviceStorage(device, this, await this.data())));
  }

  /** The same values without history: no gradient flows through. */
  detach(): Tensor {
    return new Tensor(ops.detach(this.node));
  }

  /**
   * Adds gradient nodes for every leaf that requires a gradient and that this scalar depends on, into `grad`
   * (summed with what is there, as in PyTorch).
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
    return typeof other === 'number' ? this.#affine(1, other) : new Tensor(ops.add(this.node, other.node));
  }
  sub(other: Tensor | number): Tensor {
    return typeof other === 'number' ? this.#affine(1, -other) : new Tensor(ops.sub(this.node, other.node));
  }
  mul(other: Tensor | number): Tensor {
    return typeof other === 'number' ? this.#affine(other, 0) : new Tensor(ops.mul(this.node, other.node));
  }
  div(other: Tensor | number): Tensor {
    return typeof other === 'number'
      ? this.#affine(1 / other, 0)
      : new Tensor(ops.div(this.node, other.node));
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
    return new Tensor(ops.pow(this.node, { exponent }));
  }
  relu(): Tensor {
    return new Tensor(ops.relu(this.node));
  }
  leakyRelu(negativeSlope = 0.01): Tensor {
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
  /** 1 where equal, else 0. */
  equal(other: Tensor): Tensor {
    return new Tensor(ops.equal(this.node, other.node));
  }
  matmul(other: Tensor): Tensor {
    return new Tensor(ops.matmul(this.node, other.node));
  }
  sum(axes?: readonly number[], keepDims = false): Tensor {
    return new Tensor(ops.sum(this.node, axes, keepDims));
  }
  mean(axes?: readonly number[], keepDims = false): Tensor {
    return new Tensor(ops.mean(this.node, axes, keepDims));
  }
  max(axes?: readonly number[], keepDims = false): Tensor {
    return new Tensor(ops.max(this.node, axes, keepDims));
  }
  argmax(axis = -1): Tensor {
    return new Tensor(ops.argmax(this.node, axis));
  }
  /** Another shape for the same elements; one dimension may be -1. */
  reshape(shape: Shape): Tensor {
    return new Tensor(ops.reshape(this.node, shape));
  }
  flatten(startDim = 0): Tensor {
    return new Tensor(ops.flatten(this.node, startDim));
  }
  permute(axes: readonly number[]): Tensor {
    return new Tensor(ops.permute(this.node, axes));
  }
  /** Converts bytes and integers to floating point. */
  toFloat(dtype: 'float32' | 'float64' = 'float32'): Tensor {
    return new Tensor(ops.cast(this.node, dtype));
  }
  toString(): string {
    return `Tensor(${showShape(this.shape)}, ${this.dtype})`;
  }
}

let parameterUse: ((parameter: Parameter) => void) | undefined;

/** Sets what is told of each parameter that a graph is about to use. */
export function onParameterUse(listener: (parameter: Parameter) => void): void {
  parameterUse = listener;
}

/** A tensor that a module owns and an optimizer changes in place, on its device once it has one. */
export class Parameter extends Tensor {
  #storage: DeviceStorage | undefined;
  #trainable: boolean;

  /** @param trainable false for buffers such as running statistics, which are saved but not optimised */
  constructor(data: TypedArray, shape: Shape, { trainable = true, dtype = dtypeOf(data) } = {}) {
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

  /** Row-major values, a few megabytes at a time; a piece is good until the next one is asked for. */
  async *pieces(): AsyncGenerator<TypedArray, void, void> {
    if (this.#storage) yield* this.#storage.pieces();
    else yield await this.data();
  }

  /** Where the values are; undefined while they are on the host. */
  get device(): Device | undefined {
    return this.#storage?.device;
  }

  /** Moves the values to a device. Values that are still on the host are there when the call returns. */
  async place(device: Device): Promise<void> {
    if (this.#storage?.device === device) return;
    const source = this.node.source;
    const data = source?.kind === 'host' ? source.data : await this.data();
    this.#storage = new DeviceStorage(device, this, data);
    this.#bind(storageLeaf(this.#storage));
  }

  /** Overwrites the values, from a checkpoint say. */
  load(data: TypedArray): void {
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
   * An array to fill and then hand to `load()`. On the host it is the parameter's own, so that initialising a
   * model leaves no garbage of the model's size.
   */
  blank(): TypedArray {
    const source = this.node.source;
    return source?.kind === 'host' ? source.data : makeArray(this.dtype, this.size);
  }

  /** From now on the parameter collects no gradient, and graphs compute none for it. */
  freeze(): void {
    this.#trainable = false;
    leafOwners.delete(this.current);
    this.grad = null;
  }

  /** To be called when a run that updates the storage has been queued. */
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
 * @param guard a scalar of the same run: where it is not a finite number, the parameters keep their values
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
  realize(
    tensors.map((t) => t.node),
    [],
  );
  return Promise.all(tensors.map((t) => t.data()));
}

/** A tensor from nested arrays, or from a typed array with a shape. Numbers become float32. */
export function tensor(
  values: NestedNumbers | TypedArray,
  { shape, dtype, requiresGrad = false }: { shape?: Shape; dtype?: DType; requiresGrad?: boolean } = {},
): Tensor {
  if (ArrayBuffer.isView(values)) {
    const data = values as TypedArray;
    const full = shape ?? [data.length];
    checkCount(data.length, full);
    return new Tensor(hostLeaf(data, full, dtypeOf(data)), requiresGrad);
  }
  const found: number[] = [];
  for (let level: NestedNumbers = values as NestedNumbers; Array.isArray(level); level = level[0]!)
    found.push(level.length);
  const flat = [values].flat(Number.POSITIVE_INFINITY as 1) as unknown as number[];
  checkCount(flat.length, found);
  checkCount(flat.length, shape ?? found);
  const data = makeArray(dtype ?? 'float32', flat.length);
  data.set(flat);
  return new Tensor(hostLeaf(data, shape ?? found, dtypeOf(data)), requiresGrad);
}

export function full(shape: Shape, value: number, dtype: DType = 'float32'): Tensor {
  const data = makeArray(dtype, sizeOf(shape));
  data.fill(value);
  return new Tensor(hostLeaf(data, shape, dtype));
}
export const zeros = (shape: Shape, dtype?: DType): Tensor => full(shape, 0, dtype);
export const ones = (shape: Shape, dtype?: DType): Tensor => full(shape, 1, dtype);

function checkCount(count: number, shape: Shape): void {
  if (sizeOf(shape) === count) return;
  throw new ShapeError({
    what: 'A tensor’s values do not fill its shape',
    expected: `${sizeOf(shape)} values for ${showShape(shape)}`,
    got: String(count),
    next: 'check that nested arrays are rectangular',
  });
}
