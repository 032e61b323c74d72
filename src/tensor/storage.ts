import type { Device } from '../backend/backend.js';
import type { Storage } from '../graph/node.js';
import type { DType, Shape, Spec, TypedArray } from '../graph/types.js';

let nextId = 1;

/** When a storage is garbage, its device memory goes back: users never free anything. */
const registry = new FinalizationRegistry<{ device: Device; id: number }>(({ device, id }) =>
  device.free(id),
);

/** Values kept on a device between runs. */
export class DeviceStorage implements Storage {
  readonly id = nextId++;
  readonly shape: Shape;
  readonly dtype: DType;
  version = 0;

  constructor(
    readonly device: Device,
    spec: Spec,
    data: TypedArray,
  ) {
    this.shape = spec.shape;
    this.dtype = spec.dtype;
    device.write(this.id, this, data);
    registry.register(this, { device, id: this.id });
  }

  read(): Promise<TypedArray> {
    return this.device.read(this.id);
  }

  /** Overwrites the values; graphs built on the old ones become stale. */
  write(data: TypedArray): void {
    this.version++;
    this.device.write(this.id, this, data);
  }
}
