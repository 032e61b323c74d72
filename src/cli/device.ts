import type { Device } from '../backend/backend.js';
import { type Opened, openDevice } from '../backend/open.js';
import type { World } from '../distributed/index.js';
import { DeviceError } from '../errors/errors.js';
import type { DeviceFlags } from './options/options.js';
import { note } from './terminal/output.js';

/**
 * Opens the device chosen by the flags, prints its name on standard error, and closes it after `body`.
 * @param world ranks that compute together. If this one fails, all are ended before its device is closed, because closing
 *   may wait for them
 */
export async function withDevice<T>(
  flags: DeviceFlags,
  body: (device: Device) => Promise<T>,
  world?: World,
): Promise<T> {
  const { device, why } = await opened(flags);
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

async function opened({ device: name, threads, precision, otherwise }: DeviceFlags): Promise<Opened> {
  const open = (type: DeviceFlags['precision']): Promise<Opened> =>
    openDevice(name, {
      ...(threads === undefined ? {} : { threads }),
      ...(type === undefined ? {} : { precision: type }),
    });
  try {
    return await open(precision);
  } catch (error) {
    if (otherwise === undefined || otherwise === precision || !(error instanceof DeviceError)) throw error;
    // A device that does not work at all fails again, with its own reason.
    const other = await open(otherwise);
    note(`${error.what}; the run continues in ${otherwise}.`);
    return other;
  }
}
