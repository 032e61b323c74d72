import { availableParallelism } from 'node:os';
import { checkOptionNames, shown } from '../errors/arguments.js';
import { counted } from '../errors/counted.js';
import { DeviceError, PaperweightError, UsageError } from '../errors/errors.js';
import type { Device, Precision } from './backend.js';
import { DEVICES, type DeviceName, MAX_THREADS } from './device-names.js';
import { WorkerDevice } from './worker/device.js';

export type { DeviceName } from './device-names.js';

/**
 * Opens a device in a worker thread.
 * @param name `auto` chooses the fastest device that works
 * @param threads number of CPU threads; all cores by default
 * @param precision number type of large layers; float32 by default
 * @returns the device, and a sentence that says why it was chosen
 * @throws DeviceError if the named device does not work on this machine
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
      next: "use 'auto' for the fastest device that works",
    });
  if (!Number.isSafeInteger(threads) || threads < 1 || threads > MAX_THREADS)
    throw new UsageError({
      what: 'A device got bad threads',
      expected: `an integer of at least 1 and at most ${MAX_THREADS}`,
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
    return { device: await WorkerDevice.open('reference'), why: 'reference: plain TypeScript, as requested' };
  try {
    const device = await WorkerDevice.open('onednn', { threads, precision });
    const { version, isa, precision: computes } = await device.info();
    const cores = counted(threads, 'thread');
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
 * Opens the fastest device that works on this machine. If that is the reference device, a process warning says why and
 * how to install the library of the fast device.
 */
export async function bestDevice(options: { threads?: number; precision?: Precision } = {}): Promise<Device> {
  const { device, why } = await openDevice('auto', options);
  if (device.name === 'reference')
    process.emitWarning(`Paperweight computes with the device ${why}`, 'PaperweightWarning');
  return device;
}
