import { availableParallelism } from 'node:os';
import { PaperweightError } from '../errors.js';
import type { Device } from './backend.js';
import { WorkerDevice } from './worker/device.js';

export type DeviceName = 'auto' | 'onednn' | 'reference';

/**
 * Opens a device, in a thread of its own.
 * @param name `auto` takes the fastest that works
 * @param threads processor cores to use; all by default
 * @returns the device, and a sentence on why it is this one
 * @throws DeviceError when the device that was named cannot work on this machine
 */
export async function openDevice(
  name: DeviceName = 'auto',
  { threads = availableParallelism() }: { threads?: number } = {},
): Promise<{ device: Device; why: string }> {
  if (name === 'reference')
    return { device: await WorkerDevice.open('reference'), why: 'reference: plain TypeScript, as asked' };
  try {
    const device = await WorkerDevice.open('onednn', { threads });
    const { version, isa } = await device.info();
    return { device, why: `onednn ${version} (${isa}, ${threads} ${threads === 1 ? 'thread' : 'threads'})` };
  } catch (error) {
    if (name === 'onednn' || !(error instanceof PaperweightError)) throw error;
    return {
      device: await WorkerDevice.open('reference'),
      why: `reference, which is slow. ${error.message}`,
    };
  }
}
