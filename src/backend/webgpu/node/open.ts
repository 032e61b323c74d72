import { existsSync, readdirSync } from 'node:fs';
import { freemem } from 'node:os';
import { DeviceError } from '../../../errors/errors.js';
import type { Precision } from '../../backend.js';
import { KernelCache } from '../../onednn/kernel-cache.js';
import { describeAdapter, findAdapter, isSoftware, noAdapter } from '../adapter.js';
import type { Gpu, GpuAdapter } from '../api.js';
import type { WebGpuDevice } from '../device.js';
import type { EngineOptions } from '../engine.js';
import { hasHalf, openWithPrecision } from '../precision.js';
import { keepingDriverLines, reasonsOf, unknownEntries } from './driver-lines.js';

/** The package with Dawn, Chromium's implementation of WebGPU. A variable, so that types do not need it either. */
const PACKAGE: string = 'webgpu';

/** Kept for the life of the process: adapters and devices stop working without it. */
let implementation: Promise<Gpu> | undefined;

/**
 * An implementation whose drivers write nothing to standard error but what is new; where there is no adapter, the error
 * has their reasons.
 */
const withoutDriverLines = (gpu: Gpu): Gpu => ({
  requestAdapter: async (options) => {
    const { result, entries } = await keepingDriverLines(() => gpu.requestAdapter(options));
    const shown = process.env.PAPERWEIGHT_DEBUG === '1' ? entries : unknownEntries(entries);
    for (const entry of shown) process.stderr.write(`${entry}\n`);
    const adapter = await result;
    if (!adapter) throw noAdapter(reasonsOf(entries));
    return adapter;
  },
});

/** @throws DeviceError if the optional package is missing or does not load here */
function loadGpu(): Promise<Gpu> {
  implementation ??= (async () => {
    try {
      const { create } = (await import(PACKAGE)) as { create(flags: readonly string[]): Gpu };
      return withoutDriverLines(create([]));
    } catch (error) {
      throw new DeviceError({
        what: 'Device "webgpu" does not work here: its implementation of WebGPU cannot be loaded',
        expected: 'the optional npm package webgpu, for this system',
        got: error instanceof Error ? error.message.split('\n')[0]! : String(error),
        next: 'run: npm install webgpu; or use --device onednn or wasm, which compute on the processor',
        cause: error,
      });
    }
  })();
  implementation.catch(() => {
    implementation = undefined;
  });
  return implementation;
}

/** Whether this machine may have a GPU, found without loading a driver. */
function mayHaveGpu(): boolean {
  if (process.platform !== 'linux') return true;
  const renders =
    existsSync('/dev/dri') && readdirSync('/dev/dri').some((name) => name.startsWith('renderD'));
  return renders || existsSync('/dev/nvidia0') || existsSync('/dev/dxg');
}

/** Bytes of memory that this process can still get; older versions of Node do not know the limit of a container. */
const freeMemory = (): number =>
  (process as { availableMemory?: () => number }).availableMemory?.() ?? freemem();

/** A device on a GPU, and what it is. */
export interface OpenedGpu {
  readonly device: WebGpuDevice;
  /** Name of the adapter, and whether it is a software adapter. */
  readonly about: string;
}

/** How a GPU is opened. */
export type GpuOptions = Omit<EngineOptions, 'precision'> & { readonly precision?: Precision };

/**
 * Opens the fastest adapter, also one that computes on the processor.
 * @throws DeviceError if there is none, or if it does not have the number type
 */
export async function openGpu(options: GpuOptions = {}): Promise<OpenedGpu> {
  const gpu = await loadGpu();
  return opened(gpu, await findAdapter(gpu), options);
}

async function opened(
  gpu: Gpu,
  adapter: GpuAdapter,
  { precision: wanted = 'float32', ...options }: GpuOptions = {},
): Promise<OpenedGpu> {
  const { info } = adapter;
  const name = describeAdapter(info);
  const software = isSoftware(info) ? ', a software adapter, which computes on the processor' : '';
  // Without a place for the choices each run would choose differently.
  const choices = software ? undefined : KernelCache.open(`webgpu ${name}`, 1);
  // A software adapter computes in the machine's memory, and gets more of it than there is until it is used.
  const free = software ? freeMemory : undefined;
  const engine = { trials: choices !== undefined, choices, free, ...options };
  const { device, precision } = await openWithPrecision(gpu, adapter, wanted, engine);
  return { device, about: `webgpu: ${name}${software} (${precision})` };
}

/** Opens a real GPU; undefined if there is none, or if it cannot be used. */
export async function openRealGpu(precision: Precision): Promise<OpenedGpu | undefined> {
  if (!mayHaveGpu()) return undefined;
  try {
    const gpu = await loadGpu();
    const adapter = await findAdapter(gpu);
    return isSoftware(adapter.info) ? undefined : await opened(gpu, adapter, { precision });
  } catch {
    // A driver that does not work is no reason to fail: the processor computes, and doctor says why.
    return undefined;
  }
}

/** What `doctor` shows of a GPU. */
export interface GpuReport {
  readonly adapter: string;
  readonly software: boolean;
  readonly features: readonly string[];
  readonly bufferBytes: number;
  readonly bindingBytes: number;
  readonly gflops: number | null;
  /** The rate with factors in float16; null on an adapter without it. */
  readonly halfGflops: number | null;
}

/** Side of the square matrices used to measure an adapter: of a real GPU, and of a software one. */
const SIDES = { real: 2048, software: 256 };

/**
 * Describes the adapter that `--device webgpu` uses.
 * @throws DeviceError if there is none
 */
export async function describeGpu(): Promise<GpuReport> {
  const adapter = await findAdapter(await loadGpu());
  const software = isSoftware(adapter.info);
  const rate = async (precision: Precision): Promise<number | null> => {
    const { device } = await openGpu({ precision });
    try {
      const gflops = await device.sgemmRate(software ? SIDES.software : SIDES.real, 3);
      return gflops === undefined ? null : Number(gflops.toFixed(1));
    } finally {
      await device.close();
    }
  };
  return {
    adapter: describeAdapter(adapter.info),
    software,
    features: [...adapter.features].sort(),
    bufferBytes: adapter.limits.maxBufferSize,
    bindingBytes: adapter.limits.maxStorageBufferBindingSize,
    gflops: await rate('float32'),
    halfGflops: hasHalf(adapter) ? await rate('float16') : null,
  };
}
