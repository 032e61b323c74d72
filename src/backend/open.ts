import { availableParallelism } from 'node:os';
import { checkOptionNames, shown } from '../errors/arguments.js';
import { DeviceError, PaperweightError, UsageError } from '../errors/errors.js';
import type { Device, Precision } from './backend.js';
import { DEVICES, type DeviceName } from './device-names.js';
import { WorkerDevice } from './worker/device.js';

export type { DeviceName } from './device-names.js';

/**
 * Opens a device, in a thread of its own.
 * @param name `auto` takes the fastest that works
 * @param threads processor cores to use; all by default
 * @param precision what large layers compute with: float32 unless said otherwise
 * @returns the device, and a sentence on why it is this one
 * @throws DeviceError when the device that was named cannot work on this machine
 */
export async function openDevice(
  name: DeviceName = 'auto',
  options: { threads?: number; precision?: Precision } = {},
): Promise<{ device: Device; why: string }> {
  checkOptionNames('A device', options, ['threads', 'precision']);
  const { threads = availableParallelism(), precision = 'float32' } = options;
  if (!DEVICES.includes(name))
    throw new UsageError({
      what: 'There is no such device',
      expected: `one of ${DEVICES.map((one) => `'${one}'`).join(', ')}`,
      got: shown(name),
      next: "use 'auto' for the fastest one that works",
    });
  if (!Number.isSafeInteger(threads) || threads < 1)
    throw new UsageError({
      what: 'A device got bad threads',
      expected: 'an integer of at least 1',
      got: shown(threads),
    });
  if (!['float32', 'bfloat16', 'auto'].includes(precision))
    throw new UsageError({
      what: 'A device got a bad precision',
      expected: "'float32', 'bfloat16' or 'auto'",
      got: shown(precision),
    });
  if (name === 'reference' && precision === 'bfloat16')
    throw new DeviceError({
      what: 'Device "reference" cannot compute with bfloat16',
      expected: 'precision float32 or auto',
      got: 'bfloat16',
      next: 'leave out --precision, or use --device onednn',
    });
  if (name === 'reference')
    return { device: await WorkerDevice.open('reference'), why: 'reference: plain TypeScript, as asked' };
  try {
    const device = await WorkerDevice.open('onednn', { threads, precision });
    const { version, isa, precision: computes } = await device.info();
    const cores = `${threads} ${threads === 1 ? 'thread' : 'threads'}`;
    return { device, why: `onednn ${version} (${isa}, ${cores}, ${computes})` };
  } catch (error) {
    if (name === 'onednn' || !(error instanceof PaperweightError)) throw error;
    return {
      device: await WorkerDevice.open('reference'),
      why: `reference, which is slow. ${error.message}`,
    };
  }
}

/**
 * The fastest device that works here. When that is the slow one, a warning of the process says why, and the command
 * that installs the library of the fast one.
 */
export async function bestDevice(options: { threads?: number; precision?: Precision } = {}): Promise<Device> {
  const { device, why } = await openDevice('auto', options);
  if (device.name === 'reference')
    process.emitWarning(`Paperweight computes with the device ${why}`, 'PaperweightWarning');
  return device;
}
