import type { Device } from '../backend.js';
import { InlineDevice } from '../device.js';
import { ReferenceEngine } from './engine.js';

/** Many parts of a program compute on it, so close() only waits for what is under way. */
class SharedDevice extends InlineDevice {
  override close(): Promise<void> {
    return this.sent();
  }
}

let device: Device | undefined;

/** The shared device that runs the reference engine on the calling thread: always available, also after close(); slow. */
export const referenceDevice = (): Device => (device ??= new SharedDevice(new ReferenceEngine()));
