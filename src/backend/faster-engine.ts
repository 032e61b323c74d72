import { counted } from '../errors/counted.js';
import type { Device, EngineInfo, ProcessorPrecision } from './backend.js';
import { KernelCache } from './onednn/kernel-cache.js';
import { trial } from './trial.js';

export const describeOneDnn = ({ version, isa, threads, precision }: EngineInfo): string =>
  `onednn ${version} (${isa}, ${counted(threads, 'thread')}, ${precision})`;

/**
 * The wasm device where it is faster than an open onednn, which is then closed; undefined elsewhere. On x64 with AVX
 * onednn is known to be faster. Elsewhere both run a small plan, once for each machine; without a file to keep the result
 * (`PAPERWEIGHT_KERNELS=fixed`), onednn is used unless its kernels are reference code.
 * @throws DeviceError if onednn cannot run a plan; it is then closed
 */
export async function fasterThan(
  onednn: Device,
  precision: ProcessorPrecision,
  openWasm: () => Promise<{ device: Device; about: string }>,
): Promise<{ device: Device; why: string } | undefined> {
  try {
    const info = await onednn.info();
    const milliseconds = await trial(onednn);
    if (precision === 'bfloat16' || /^avx/.test(info.isa ?? '')) return undefined;
    const cache = KernelCache.open(`oneDNN ${info.version}, Node ${process.versions.node}`, info.threads);
    const known = cache ? cache.get('device') : /\bref\b/.test(info.isa ?? '') ? 'wasm' : 'onednn';
    if (known === 'onednn') return undefined;
    const wasm = await openWasm().catch(() => undefined);
    if (!wasm) return undefined;
    const choice = known ?? ((await trial(wasm.device)) < milliseconds ? 'wasm' : 'onednn');
    if (known === undefined) {
      cache?.set('device', choice);
      cache?.save();
    }
    await (choice === 'wasm' ? onednn : wasm.device).close();
    if (choice !== 'wasm') return undefined;
    return { device: wasm.device, why: `${wasm.about}, which is faster here than ${describeOneDnn(info)}` };
  } catch (error) {
    await onednn.close();
    throw error;
  }
}
