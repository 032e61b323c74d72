import type { Device } from '../backend/backend.js';
import { openDevice } from '../backend/open.js';
import type { World } from '../distributed/index.js';
import type { DeviceFlags } from './options/options.js';
import { note } from './terminal/output.js';

/**
 * Opens the device chosen by the flags, prints its name on standard error, and closes it after `body`.
 * @param world ranks that compute together. If this one fails, all are ended before its device is closed, because closing
 *   may wait for them
 */
export async function withDevice<T>(
  { device: name, threads, precision }: DeviceFlags,
  body: (device: Device) => Promise<T>,
  world?: World,
): Promise<T> {
  const { device, why } = await openDevice(name, {
    ...(threads === undefined ? {} : { threads }),
    ...(precision === undefined ? {} : { precision }),
  });
  note(`Device: ${why}`);
  try {
    return await body(device);
  } catch (error) {
    if (!world) throw error;
    const { failed } = await import('./world.js');
    throw await failed(world, error);
  } finally {
    await device.close();
  }
}
