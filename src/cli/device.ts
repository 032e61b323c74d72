import type { Device } from '../backend/backend.js';
import { openDevice } from '../backend/open.js';
import type { DeviceFlags } from './options/options.js';
import { note } from './terminal/output.js';

/** Opens the device chosen by the flags, prints its name on standard error, and closes it after `body`. */
export async function withDevice<T>(
  { device: name, threads, precision }: DeviceFlags,
  body: (device: Device) => Promise<T>,
): Promise<T> {
  const { device, why } = await openDevice(name, {
    ...(threads === undefined ? {} : { threads }),
    ...(precision === undefined ? {} : { precision }),
  });
  note(`Device: ${why}`);
  try {
    return await body(device);
  } finally {
    await device.close();
  }
}
