import type { Command } from 'commander';
import type { GpuReport } from '../backend/webgpu/node/open.js';
import type { World } from '../distributed/index.js';
import { counted, grouped } from '../errors/counted.js';
import { PaperweightError } from '../errors/errors.js';
import { examples, JSON_OUTPUT, THREADS } from './options/options.js';
import { print, printJson, table } from './terminal/output.js';

/** Side of the square matrices used to measure the sgemm rate. */
const SGEMM_SIDE = 2048;

/** Instruction sets relevant to arithmetic, as named in /proc/cpuinfo. */
const FEATURES =
  'sse4_2 avx avx2 fma f16c avx_vnni avx512f avx512bw avx512dq avx512vl avx512_vnni avx512_bf16 avx512_fp16 amx_tile amx_int8 amx_bf16 asimd asimdhp asimddp sve sve2 bf16 i8mm'.split(
    ' ',
  );

interface Flags {
  readonly threads?: number;
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command('doctor')
    .summary('show this machine’s device and its speed')
    .description(
      'Shows the device that --device auto uses on this machine, its library and speed, and what to install for a faster one.',
    )
    .option(...THREADS)
    .option(...JSON_OUTPUT)
    .addHelpText('after', examples('paperweight doctor', 'paperweight doctor --json'))
    .action(async (flags: Flags) => {
      const { withWorld } = await import('./world.js');
      await withWorld((world) => examine(flags, world));
    });
}

/** The entries of FEATURES that occur in /proc/cpuinfo. */
export function cpuFeatures(cpuinfo: string): string[] {
  const line = /^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo)?.[1] ?? '';
  const listed = new Set(line.trim().split(/\s+/));
  return FEATURES.filter((feature) => listed.has(feature));
}

async function examine(flags: Flags, world: World | undefined): Promise<void> {
  const { describeRanks, rankRows } = await import('./ranks.js');
  const ranks = world && (await describeRanks(world));
  if (world && !world.first) return;
  const [os, { readFile }, { openDevice }, { deviceRates }, { version }] = await Promise.all([
    import('node:os'),
    import('node:fs/promises'),
    import('../backend/open.js'),
    import('./device-rates.js'),
    import('../version.js'),
  ]);
  const rates = await deviceRates(flags.threads);
  const { device, why, obstacle } = await openDevice(
    'auto',
    flags.threads === undefined ? {} : { threads: flags.threads },
  );
  try {
    const info = await device.info();
    const sgemm = await device.sgemmRate(SGEMM_SIDE, 5);
    const cpuinfo = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
    const limit = process.constrainedMemory?.() ?? 0;
    const missing = obstacle ? await installCommand() : undefined;
    const libraries = await installed();
    const jpegs = await jpegDecoder();
    const gpu = await gpuReport();
    const found = {
      ...(ranks ? { ranks } : {}),
      paperweight: version(),
      device: device.name,
      devices: rates.map(({ gflops, ...rate }) => ({
        ...rate,
        gflops: gflops === null ? null : Number(gflops.toFixed(1)),
      })),
      engine: info.engine,
      version: info.version,
      library: info.library ?? null,
      libraries,
      isa: info.isa ?? null,
      gpu,
      threads: info.threads,
      cores: os.availableParallelism(),
      cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
      cpuFeatures: cpuFeatures(cpuinfo),
      jpegs: jpegs.name,
      sgemmGflops: sgemm === undefined ? null : Number(sgemm.toFixed(1)),
      node: process.version,
      platform: `${os.platform()} ${os.release()} ${os.arch()}`,
      // A container's limit may be below the machine's memory; "no limit" is a huge number or 0.
      memoryBytes: limit > 0 ? Math.min(limit, os.totalmem()) : os.totalmem(),
      freeMemoryBytes: os.freemem(),
      why,
      install: missing ?? null,
    };
    if (flags.json) return printJson(found);
    const gib = (bytes: number) => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
    const rows = [
      ['paperweight', found.paperweight],
      ['device', `${found.device} (used by --device auto)`],
      ...found.devices.map(({ device: name, gflops }, i) => [
        i === 0 ? 'a small plan' : '',
        `${name}: ${gflops === null ? 'does not work here' : `${gflops} GFLOP/s`}`,
      ]),
      [
        'engine',
        [found.engine, found.version, found.library && `(${found.library})`].filter(Boolean).join(' '),
      ],
      ...libraries.map(({ path, file, version, problem }, i) => [
        i === 0 ? 'oneDNN found' : '',
        [version ?? `cannot be used: ${problem}`, `(${file ?? path})`, path === info.library && 'in use']
          .filter(Boolean)
          .join(' '),
      ]),
      ...(found.isa ? [['instructions', found.isa]] : []),
      ['threads', `${found.threads} of ${counted(found.cores, 'core')}`],
      ['processor', found.cpu],
      ['features', found.cpuFeatures.join(' ') || 'unknown on this system'],
      [
        'sgemm',
        found.sgemmGflops === null
          ? 'not measured'
          : `${grouped(Math.round(found.sgemmGflops))} GFLOP/s (float32, ${SGEMM_SIDE} × ${SGEMM_SIDE})`,
      ],
      ...gpuRows(gpu),
      ['JPEGs', jpegs.advice ?? jpegs.name],
      ['node', `${found.node} on ${found.platform}`],
      ['memory', `${gib(found.memoryBytes)}, ${gib(found.freeMemoryBytes)} free`],
      ...(ranks ? rankRows(ranks) : []),
    ] as string[][];
    for (const line of table(rows, 'll')) print(line);
    for (const { device: name, problem } of found.devices)
      if (problem && problem !== obstacle) print(`\nThe device ${name} does not work here: ${problem}`);
    if (obstacle) print(`\nThe fastest device does not work here: ${obstacle}`);
    if (found.devices.every(({ problem }) => problem === null)) print('\nNo problems found.');
  } finally {
    await device.close();
  }
}

type Gpu = GpuReport | { readonly problem: string };

async function gpuReport(): Promise<Gpu> {
  const { describeGpu } = await import('../backend/webgpu/node/open.js');
  try {
    return await describeGpu();
  } catch (error) {
    if (!(error instanceof PaperweightError)) throw error;
    return { problem: error.message };
  }
}

/** Rows of the table about the adapter of `--device webgpu`. */
function gpuRows(gpu: Gpu): string[][] {
  if ('problem' in gpu) return [['GPU', `none that can be used: ${gpu.problem}`]];
  const { adapter, software, features, bufferBytes, bindingBytes } = gpu;
  const gib = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(2)} GiB`;
  return [
    ['GPU', software ? `${adapter}, a software adapter: only --device webgpu uses it` : adapter],
    ['', `matrix products: ${ratesOf(gpu)}`],
    ['', `buffers of at most ${gib(bufferBytes)}, ${gib(bindingBytes)} for each operand of a kernel`],
    ['', `features: ${features.join(' ') || 'none'}`],
  ];
}

function ratesOf({ gflops, halfGflops }: GpuReport): string {
  const rate = (value: number | null, otherwise: string): string =>
    value === null ? otherwise : `${grouped(Math.round(value))} GFLOP/s`;
  return `float32 ${rate(gflops, 'not measured')}, float16 ${rate(halfGflops, 'not on this adapter')}`;
}

async function installed() {
  const { installedOneDnn } = await import('../backend/onednn/library/installed.js');
  return installedOneDnn();
}

async function jpegDecoder() {
  const { turboJpegAdvice } = await import('../data/images/formats/turbojpeg.js');
  const advice = turboJpegAdvice();
  return { name: advice ? 'sharp' : 'libjpeg-turbo', advice };
}

async function installCommand(): Promise<string | undefined> {
  const { oneDnnCommand } = await import('../backend/onednn/library/library.js');
  return oneDnnCommand();
}
