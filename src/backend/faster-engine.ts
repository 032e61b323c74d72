import { counted } from '../errors/counted.js';
import { version as ownVersion } from '../version.js';
import type { Device, EngineInfo, ProcessorPrecision } from './backend.js';
import { KernelCache } from './onednn/kernel-cache.js';
import { trial } from './trial.js';

export const describeOneDnn = ({ version, isa, threads, precision }: EngineInfo): string =>
  `onednn ${version} (${isa}, ${counted(threads, 'thread')}, ${precision})`;

const CHOICES = ['onednn', 'wasm'] as const;
type Choice = (typeof CHOICES)[number];

const hasReferenceCode = ({ isa = '' }: EngineInfo): boolean => /\bref\b/.test(isa);

/**
 * The wasm device where it is faster than an open onednn, which is then closed; undefined elsewhere. On x64 with AVX
 * onednn is known to be faster, and wasm wherever onednn has reference code, whatever a busy or imitated processor measures.
 * Elsewhere both run a small plan, once for each machine; without a file to keep the result (`PAPERWEIGHT_KERNELS=fixed`),
 * onednn is used.
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
    // Programs of several machines may share the file, and not every system names its processor.
    const programs = `oneDNN ${info.version} (${info.isa}), Paperweight ${ownVersion()}, Node ${process.versions.node}`;
    const cache = KernelCache.open(programs, info.threads);
    const known: Choice | undefined = hasReferenceCode(info)
      ? 'wasm'
      : cache
        ? CHOICES.find((one) => one === cache.get('device'))
        : 'onednn';
    if (known === 'onednn') return undefined;
    const wasm = await openWasm().catch(() => undefined);
    if (!wasm) return undefined;
    // A wasm device that cannot run a plan is not used, and may be able to another time.
    const own = known === 'wasm' ? 0 : await trial(wasm.device).catch(() => undefined);
    const choice: Choice = own !== undefined && own < milliseconds ? 'wasm' : 'onednn';
    if (known === undefined && own !== undefined) {
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
