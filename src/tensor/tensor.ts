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
} from './arguments.js';
import { gradients } from './autograd.js';
import { checkDevice } from './check-device.js';
import { addHook, hooked, moveHooks } from './hooks.js';
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
  /** True for a tensor whose gradient `backward()` keeps in `grad`. */
  get requiresGrad(): boolean {
    return leafOwners.has(this.current);
  }
  /**
   * Decides whether `backward()` computes a gradient for this leaf; `requires_grad_()` in PyTorch.
   * @throws UsageError for the result of an operation
   */
  set requiresGrad(value: boolean) {
    checkBooleans('requiresGrad', { value });
    if (this.current.inputs.length > 0)
      throw new UsageError({
        what: 'requiresGrad can be set for leaves only',
        expected: 'a tensor of given values, or a parameter',
        got: `the result of ${this.current.op}`,
        next: value ? 'call retainGrad() to keep its gradient' : 'detach() it',
      });
    if (value) leafOwners.set(this.current, this);
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
    return new Tensor(storageLeaf(new DeviceStorage(device, this, await this.data())));
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
  /** Whether it was created as a buffer, which is never trained. */
  readonly isBuffer: boolean;

  /** @param trainable false for buffers such as running statistics, which are saved but not optimised */
  constructor(data: TypedArray, shape: Shape, options: { trainable?: boolean; dtype?: DType } = {}) {
    checkOptionNames('Parameter', options, ['trainable', 'dtype']);
    checkValues('Parameter', data, shape);
    const { trainable = true, dtype = dtypeOf(data) } = options;
    checkBooleans('Parameter', { trainable });
    checkDType('Parameter', dtype);
    super(hostLeaf(data, shape, dtype), trainable);
    this.#trainable = trainable;
    this.isBuffer = !trainable;
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

  override get requiresGrad(): boolean {
    return this.#trainable;
  }
  override set requiresGrad(value: boolean) {
    checkBooleans('requiresGrad', { value });
    if (value) this.unfreeze();
    else this.freeze();
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

  /**
   * Lets gradients be computed for a frozen parameter again.
   * @throws UsageError for a buffer
   */
  unfreeze(): void {
    if (this.isBuffer)
      throw new UsageError({
        what: 'A buffer cannot be trained',
        expected: 'a parameter',
        got: `a buffer ${showShape(this.shape)}`,
        next: 'create it without trainable: false',
      });
    this.#trainable = true;
    leafOwners.set(this.current, this);
  }

  /** Call after queuing a run that updates the storage. */
  refresh(): void {
    this.#bind(storageLeaf(this.#storage!));
  }

  #bind(node: Node): void {
    moveHooks(this.current, node);
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

/** Looks at a gradient, or replaces it by the tensor that it returns. */
export type GradHook = (grad: Tensor) => Tensor | undefined;

/** What has been registered and can be removed again. */
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
