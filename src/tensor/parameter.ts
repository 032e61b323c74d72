import type { Device } from '../backend/backend.js';
import { checkBooleans, checkOptionNames, shown } from '../errors/arguments.js';
import { ShapeError, UsageError } from '../errors/errors.js';
import { hostLeaf, type Node, storageLeaf } from '../graph/node.js';
import {
  type DType,
  dtypeOf,
  isTypedArray,
  makeArray,
  type Shape,
  showShape,
  type TypedArray,
} from '../graph/types.js';
import { checkDType, checkValues } from './arguments.js';
import { checkDevice } from './check-device.js';
import { moveHooks } from './hooks.js';
import { realize } from './realize.js';
import { DeviceStorage } from './storage.js';
import { leafOwners, Tensor } from './tensor.js';

let parameterUse: ((parameter: Parameter) => void) | undefined;

/** Sets a listener that is called with each parameter used in a graph. */
export function onParameterUse(listener: (parameter: Parameter) => void): void {
  parameterUse = listener;
}

/** What `pending.ts` does with updates that no run has written yet. */
interface PendingUpdates {
  /** The value of an update of this parameter that can be read before it is written. */
  readonly read: (parameter: Parameter) => Node | undefined;
  /** Writes an update of this parameter, if there is one. */
  readonly write: (parameter: Parameter) => void;
  /** Discards it, since the parameter gets other values, and writes the others, which may depend on its present ones. */
  readonly replace: (parameter: Parameter) => void;
}

let pendingUpdates: PendingUpdates | undefined;

/** Sets how pending updates are written before values are read or replaced. */
export function onPendingUpdates(updates: PendingUpdates): void {
  pendingUpdates = updates;
}

/** A tensor that a module owns and an optimizer updates in place, on the host or on a device. */
export class Parameter extends Tensor {
  /** What `alter` makes of the values; its node, once it is needed. */
  #altered: { readonly make: () => Node; node?: Node } | undefined;
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
    const later = pendingUpdates?.read(this);
    if (later) return later;
    pendingUpdates?.write(this);
    const altered = this.#altered;
    if (!altered) return this.current;
    altered.node ??= altered.make();
    return altered.node;
  }

  /** The values as they are stored, without what `alter` makes of them. */
  get stored(): Node {
    parameterUse?.(this);
    return this.current;
  }

  /**
   * Gives the parameter other values from now on, as a layer that changes its weights in place: whatever reads them gets
   * `make()`, which is written when the parameter is updated next. Graphs of the stored values stay valid. It replaces
   * an alteration before it. A parameter on the host keeps its values.
   */
  alter(make: () => Node): void {
    if (this.#storage) this.#altered = { make };
  }

  /** Queues a run that writes what `alter` made of the values, if anything. */
  settle(): void {
    if (this.#altered) queueUpdate([{ parameter: this, value: this.node }]);
  }

  get storage(): DeviceStorage | undefined {
    return this.#storage;
  }

  /** Row-major values, a few megabytes at a time. A piece is valid until the next one is requested. */
  async *pieces(): AsyncGenerator<TypedArray, void, void> {
    pendingUpdates?.write(this);
    this.settle();
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
    pendingUpdates?.write(this);
    const source = this.node.source;
    const data = source?.kind === 'host' ? source.data : await this.data();
    this.#storage = new DeviceStorage(device, this, data);
    this.#bind(storageLeaf(this.#storage));
  }

  /** Converts the values to a type of floats, where they are. Later values must have this type too. */
  async convert(dtype: 'float32' | 'float64'): Promise<void> {
    if (dtype === this.dtype) return;
    pendingUpdates?.write(this);
    const { device } = this;
    const values = makeArray(dtype, this.size);
    values.set(await this.data());
    this.#storage = undefined;
    this.#bind(hostLeaf(values, this.shape, dtype));
    if (device) await this.place(device);
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
    pendingUpdates?.replace(this);
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
    // A later update would otherwise be read instead of the leaf that gets the gradient.
    pendingUpdates?.write(this);
    this.#trainable = true;
    leafOwners.set(this.current, this);
  }

  /** Call after queuing a run that updates the storage. */
  refresh(): void {
    this.#bind(storageLeaf(this.#storage!));
  }

  #bind(node: Node): void {
    this.#altered = undefined;
    moveHooks(this.current, node);
    this.current = node;
    if (this.#trainable) leafOwners.set(node, this);
  }
}

/**
 * Queues one run that computes `outputs` and writes new values into parameters.
 *
 * @param guard a scalar of the same run: if it is NaN or infinite, the parameters keep their values
 * @param failed called if the run fails
 */
export function queueUpdate(
  changes: readonly { parameter: Parameter; value: Node }[],
  outputs: readonly Tensor[] = [],
  guard?: Tensor,
  failed?: () => void,
): void {
  realize(
    outputs.map((t) => t.node),
    changes.map(({ parameter, value }) => ({ node: value, storage: parameter.storage! })),
    guard?.node,
    failed,
  );
  for (const { parameter } of changes) parameter.refresh();
}
