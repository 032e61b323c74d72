import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Device, Precision } from '../../backend/backend.js';
import { describeGpu, type GpuReport, openGpu } from '../../backend/webgpu/node/open.js';
import { DeviceError } from '../../errors/errors.js';
import { tensor } from '../../tensor/tensor.js';
import { compare } from '../compare.js';
import type { CompareOptions } from '../compare-options.js';
import { resultHead } from '../machine.js';
import { MissingPeerError } from '../peers.js';
import type { GpuResult } from '../result.js';
import { median } from '../stats.js';
import { type Case, readCases, SIDES } from './cases.js';

/** All measurements end within this time, in seconds; what is left over is said to be not measured. */
const BUDGET = 480;
/** A comparison is not begun with less, in seconds. */
const SHORTEST = 20;
const NO_GPU = 'no GPU';

type Row = GpuResult['rows'][number];

export interface GpuOptions extends Pick<CompareOptions, 'threads' | 'places' | 'limit' | 'onProgress'> {}

/** The conformance suite, which only a clone has. */
const SUITE = fileURLToPath(new URL('../../../test/backend/webgpu/conformance.test.js', import.meta.url));

/**
 * Measures the GPU of this machine: rates, latency, networks beside their peers, and the conformance suite. On a
 * software adapter small sizes stand in, and rows that need a GPU say "not measured: no GPU".
 */
export async function measureGpu(options: GpuOptions): Promise<GpuResult> {
  const began = performance.now();
  const left = (): number => BUDGET - (performance.now() - began) / 1000;
  const { real, software } = await readCases();
  const adapter = await adapterHere();
  const isReal = adapter !== undefined && !adapter.software;
  const rows: Row[] = [];
  if (adapter) rows.push(...(await ratesOf(adapter)));
  if (!isReal)
    for (const precision of ['float32', 'float16'] as const)
      rows.push(...SIDES.real.map((n) => ({ name: productName(n, precision), missing: NO_GPU })));
  if (adapter?.software) for (const one of software) rows.push(...(await measureCase(one, options, left)));
  for (const one of real) {
    if (isReal) rows.push(...(await measureCase(one, options, left)));
    else rows.push({ name: one.name, missing: NO_GPU });
  }
  rows.push(await conformance(adapter !== undefined, left));
  return { what: 'gpu', ...resultHead(options.threads), adapter: adapter ?? null, rows };
}

const productName = (n: number, precision: Precision): string =>
  `matrix product ${n} × ${n}${precision === 'float32' ? '' : `, ${precision}`}`;

async function adapterHere(): Promise<GpuReport | undefined> {
  try {
    return await describeGpu();
  } catch (error) {
    if (error instanceof DeviceError) return undefined;
    throw error;
  }
}

/** Rates of matrix products, and the time of a run with a tiny result. */
async function ratesOf({ software, halfGflops }: GpuReport): Promise<Row[]> {
  const products = async (device: Device, precision: Precision): Promise<Row[]> => {
    const found: Row[] = [];
    for (const n of software ? SIDES.software : SIDES.real) {
      const rate = await device.sgemmRate(n, 3);
      found.push({ name: productName(n, precision), value: rate ?? 0, unit: 'GFLOP/s' });
    }
    return found;
  };
  const { device } = await openGpu();
  const rows: Row[] = [];
  try {
    rows.push(...(await products(device, 'float32')));
    const one = await tensor(Float32Array.of(1)).to(device);
    const times: number[] = [];
    for (let i = 0; i < 30; i++) {
      const started = performance.now();
      await one.add(i).data();
      times.push(performance.now() - started);
    }
    rows.push({ name: 'a tiny run, with its result', value: median(times), unit: 'ms' });
  } finally {
    await device.close();
  }
  if (halfGflops === null) return [...rows, { name: 'matrix products in float16', missing: 'no float16' }];
  const half = await openGpu({ precision: 'float16' });
  try {
    return [...rows, ...(await products(half.device, 'float16'))];
  } finally {
    await half.device.close();
  }
}

/** One row for Paperweight and one for each peer. */
async function measureCase(one: Case, options: GpuOptions, left: () => number): Promise<Row[]> {
  const { name, peers, precision = 'float32', ...rest } = one;
  const others: Row[] = [];
  let own: Row | undefined;
  const run = async (extra: Pick<CompareOptions, 'peer' | 'mode'>) => {
    const limit = Math.min(options.limit, Math.floor(left()));
    const common = { ...rest, ...options, limit, device: 'webgpu', precision } as const;
    const { result } = await compare({ ...common, ...extra, rounds: 2, steps: 3 });
    own ??= { name, value: 1000 * result.secondsPerStep, unit: 'ms' };
    return result;
  };
  for (const [peer, mode] of peers) {
    const row = `${name}: ${peer === mode || peer.endsWith(mode) ? peer : `${peer} ${mode}`}`;
    if (left() < SHORTEST) {
      others.push({ name: row, missing: 'out of time' });
      continue;
    }
    try {
      const result = await run({ peer, mode });
      if (result.peer && 'secondsPerStep' in result.peer)
        others.push({
          name: row,
          value: 1000 * result.peer.secondsPerStep,
          unit: 'ms',
          ratio: result.ratio!,
        });
      else others.push({ name: row, missing: result.peer?.impossible ?? 'no step' });
    } catch (error) {
      others.push({ name: row, missing: reason(error) });
    }
  }
  if (!own && left() >= SHORTEST)
    try {
      await run({ mode: '' });
    } catch (error) {
      own = { name, missing: reason(error) };
    }
  return [own ?? { name, missing: 'out of time' }, ...others];
}

const reason = (error: unknown): string => {
  if (error instanceof MissingPeerError) return error.message.split('. ')[0]!;
  return error instanceof Error ? error.message : String(error);
};

/** Runs the conformance suite in a process of its own. */
async function conformance(hasAdapter: boolean, left: () => number): Promise<Row> {
  const name = 'conformance suite';
  if (!hasAdapter) return { name, missing: NO_GPU };
  if (!existsSync(SUITE)) return { name, missing: 'it comes with a clone, not with the package' };
  if (left() < SHORTEST) return { name, missing: 'out of time' };
  const env = { ...process.env, PAPERWEIGHT_WEBGPU: 'required' };
  const args = ['--test', '--test-reporter', 'tap', SUITE];
  const output = await new Promise<string>((resolve) => {
    execFile(
      process.execPath,
      args,
      { env, timeout: Math.ceil(1000 * left()), maxBuffer: 2 ** 28 },
      (_, stdout) => resolve(stdout),
    );
  });
  const count = (word: string): number => Number(new RegExp(`^# ${word} (\\d+)$`, 'm').exec(output)?.[1]);
  const [passed, failed] = [count('pass'), count('fail')];
  if (Number.isNaN(passed)) return { name, missing: 'out of time' };
  return { name, value: passed, unit: failed === 0 ? 'tests pass' : `tests pass, ${failed} fail` };
}
