import type { Device } from '../backend/backend.js';
import { openDevice } from '../backend/open.js';
import type { Work } from './work.js';

/** Opens the device for our side. */
export async function openBenchDevice({
  device,
  threads,
  precision,
}: Pick<Work, 'device' | 'threads' | 'precision'>): Promise<Device> {
  return (await openDevice(device, { threads, precision })).device;
}
