import type { Device } from '../backend.js';
import { InlineDevice } from '../device.js';
import { ReferenceEngine } from './engine.js';

let device: Device | undefined;

/** The shared device that runs the reference engine on the calling thread: always available, slow. */
export const referenceDevice = (): Device => (device ??= new InlineDevice(new ReferenceEngine()));
