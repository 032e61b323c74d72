import type { Dataset } from 'paperweight/core';
import { PageError } from './protocol.js';

const IMAGE = 3 * 32 * 32;
const RECORD = 1 + IMAGE;
const CLASSES = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];

/** Names of the binary version's files. */
export const isTrainFile = (name: string): boolean => /^data_batch_[1-5]\.bin$/.test(name);
export const isTestFile = (name: string): boolean => name === 'test_batch.bin';

/** CIFAR-10's binary files: in each record a label and 32 × 32 pixels in three planes. */
export class Records implements Dataset {
  readonly classes = CLASSES;
  readonly imageShape = [3, 32, 32] as const;
  readonly length: number;

  constructor(
    readonly name: string,
    readonly bytes: Uint8Array,
  ) {
    this.length = bytes.length / RECORD;
    if (!Number.isInteger(this.length) || this.length === 0)
      throw new PageError('badLength', { name, record: RECORD, bytes: bytes.length });
    for (let i = 0; i < this.length; i++) {
      const label = bytes[i * RECORD]!;
      if (label > 9) throw new PageError('badLabel', { name, label, record: i });
    }
  }

  read(index: number, into: Uint8Array, offset: number): number {
    if (!(index >= 0 && index < this.length))
      throw new RangeError(`${this.name} has no image ${index}: it has ${this.length}.`);
    const at = index * RECORD;
    into.set(this.bytes.subarray(at + 1, at + RECORD), offset);
    return this.bytes[at]!;
  }
}
