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

/** Opens a named device and closes it, so that one that does not work here is reported before a peer is looked for. */
export async function checkDevice(options: Pick<Work, 'device' | 'threads' | 'precision'>): Promise<void> {
  if (options.device !== 'auto') await (await openBenchDevice(options)).close();
}
