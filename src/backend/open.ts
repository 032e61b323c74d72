import { availableParallelism } from 'node:os';
import { checkOptionNames, shown } from '../errors/arguments.js';
import { counted } from '../errors/counted.js';
import { DeviceError, PaperweightError, UsageError } from '../errors/errors.js';
import type { Device, Precision, ProcessorPrecision } from './backend.js';
import { DEVICES, type DeviceName, MAX_THREADS, PRECISIONS } from './device-names.js';
import { describeOneDnn, fasterThan } from './faster-engine.js';
import { type OpenedGpu, openGpu, openRealGpu } from './webgpu/node/open.js';
import { WorkerDevice } from './worker/device.js';
import { hasLinks } from './worker/link.js';

export type { DeviceName } from './device-names.js';

/** An open device. */
export interface Opened {
  readonly device: Device;
  /** A sentence that says what it is and why it was chosen. */
  readonly why: string;
  /** Why the fastest device does not work here, and what to do; absent if it is used or was not asked for. */
  readonly obstacle?: string;
}

/**
 * Opens a device: webgpu on this thread, whose work is asynchronous, and the others in a worker thread.
 * @param name `auto` chooses the fastest device that works: a GPU (never a software adapter), else
 *   onednn, else wasm
 * @param threads number of CPU threads; all cores by default
 * @param precision number type of large layers; float32 by default
 * @throws DeviceError if the named device does not work on this machine
 */
export async function openDevice(
  name: DeviceName = 'auto',
  options: { threads?: number; precision?: Precision } = {},
): Promise<Opened> {
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
  if (!PRECISIONS.includes(precision))
    throw new UsageError({
      what: 'A device got a bad precision',
      expected: `one of ${PRECISIONS.map((one) => `'${one}'`).join(', ')}`,
      got: shown(precision),
    });
  if (name === 'webgpu') {
    const { device, about } = await openGpu({ precision });
    return { device, why: `${about}, as requested` };
  }
  const gpu = name === 'auto' && precision !== 'bfloat16' ? await gpuAlone(precision) : undefined;
  if (gpu) return { device: gpu.device, why: gpu.about };
  return openProcessor(name, threads, withoutHalf(name, precision));
}

/** Opens a device that computes on the processor. */
async function openProcessor(
  name: Exclude<DeviceName, 'webgpu'>,
  threads: number,
  precision: ProcessorPrecision,
): Promise<Opened> {
  if (name !== 'auto' && name !== 'onednn') refuseBfloat16(name, precision);
  if (name === 'reference')
    return { device: await WorkerDevice.open('reference'), why: 'reference: plain TypeScript, as requested' };
  if (name === 'wasm') {
    const { device, about } = await openWasm(threads);
    return { device, why: `${about}, as requested` };
  }
  try {
    const device = await WorkerDevice.open('onednn', { threads, precision });
    if (name === 'auto') {
      const faster = await fasterThan(device, precision, () => openWasm(threads));
      if (faster) return faster;
    }
    return { device, why: describeOneDnn(await device.info()) };
  } catch (error) {
    if (name === 'onednn' || !(error instanceof PaperweightError)) throw error;
    refuseBfloat16('wasm', precision, error);
    const { device, about } = await openWasm(threads).catch((reason) => {
      throw reason instanceof PaperweightError ? noDevice(error, reason) : reason;
    });
    const obstacle = error.message;
    return {
      device,
      why: `${about}, since onednn, which is faster, does not work here. ${obstacle}`,
      obstacle,
    };
  }
}

/** The error for a machine on which neither fast device works. */
const noDevice = (onednn: PaperweightError, wasm: PaperweightError): DeviceError =>
  new DeviceError({
    what: 'Neither onednn nor wasm works here',
    got: [onednn, wasm].map(({ what, got }) => `${what}${got === undefined ? '' : `: ${got}`}`).join('; '),
    next: onednn.next ? `${onednn.next}   (or use --device reference, which is slow)` : wasm.next!,
    cause: wasm,
  });

/** A real GPU, if this process is the only one of its computation: ranks on one machine would share it. */
const gpuAlone = async (precision: Precision): Promise<OpenedGpu | undefined> =>
  hasLinks() ? undefined : openRealGpu(precision);

async function openWasm(threads: number): Promise<{ device: Device; about: string }> {
  const device = await WorkerDevice.open('wasm', { threads });
  const { isa, threads: used, precision } = await device.info();
  return { device, about: `wasm (${isa}, ${counted(used, 'thread')}, ${precision})` };
}

/** @throws DeviceError for float16, which only GPUs have */
function withoutHalf(name: DeviceName, precision: Precision): ProcessorPrecision {
  if (precision !== 'float16') return precision;
  throw new DeviceError({
    what:
      name === 'auto'
        ? 'There is no GPU here that --device auto takes and that computes with float16'
        : `Device "${name}" cannot compute with float16`,
    expected: 'a GPU with float16 (paperweight doctor shows whether it has it)',
    got: name === 'auto' && hasLinks() ? 'several ranks, which auto computes on processors' : name,
    next: 'use --precision float32 or auto; --device webgpu takes any adapter, and says what it lacks',
  });
}

/** @param cause why the device that has bfloat16 does not work here */
function refuseBfloat16(name: DeviceName, precision: ProcessorPrecision, cause?: PaperweightError): void {
  if (precision !== 'bfloat16') return;
  throw new DeviceError({
    what: `Device "${name}" cannot compute with bfloat16${cause ? `, and onednn does not work here. ${cause.what}` : ''}`,
    expected: 'precision float32 or auto',
    got: 'bfloat16',
    next: cause?.next
      ? `leave out --precision, or make --device onednn work: ${cause.next}`
      : 'leave out --precision, or use --device onednn',
  });
}

/**
 * Opens a device on the GPU, or on a software adapter.
 * @throws DeviceError if there is no GPU with a driver, or the optional npm package webgpu is missing
 */
export async function webgpuDevice(): Promise<Device> {
  return (await openDevice('webgpu')).device;
}

/**
 * Opens the fastest device that works on this machine. If that is neither a GPU nor onednn, a process warning says why and how to
 * install its library.
 */
export async function bestDevice(options: { threads?: number; precision?: Precision } = {}): Promise<Device> {
  const { device, why, obstacle } = await openDevice('auto', options);
  if (obstacle) process.emitWarning(`Paperweight computes with the device ${why}`, 'PaperweightWarning');
  return device;
}
