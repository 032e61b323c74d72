import type { Device } from '../backend.js';
import { InlineDevice } from '../device.js';
import { ReferenceEngine } from './engine.js';

let device: Device | undefined;

/** The device that computes in plain TypeScript, in this thread: always there, never fast. One for all. */
export const referenceDevice = (): Device => (device ??= new InlineDevice(new ReferenceEngine()));
