import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { compare } from '../../bench/compare.js';
import { measureData } from '../../bench/data.js';
import { measureGpu } from '../../bench/gpu/measure.js';
import { measureOverhead } from '../../bench/overhead.js';
import { MissingPeerError, PEERS, peerFolder } from '../../bench/peers.js';
import { traceEvents } from '../../bench/profile.js';
import { type Result, saveResult } from '../../bench/result.js';
import { measureStart } from '../../bench/start/start.js';
import { measureSuite } from '../../bench/suite/suite.js';
import { UsageError } from '../../errors/errors.js';
import { writeFileAtomic } from '../../files/atomic.js';
import { openPaperNamed } from '../../papers/registry.js';
import { checkOutput } from '../options/output-file.js';
import { EXIT, reportError } from '../print-error.js';
import { note, print, printJson } from '../terminal/output.js';
import type { BENCHES, BenchFlags } from './flags.js';
import { benchScale } from './scale.js';
import { runGuard, writeTable } from './upkeep.js';
import { profileText, resultText } from './view.js';

type What = (typeof BENCHES)[number];

const BATCHES: Readonly<Record<'train' | 'infer', readonly number[]>> = { train: [128], infer: [1, 128] };

const TRAINERS = ['pytorch', 'tfjs', 'jax-js', 'tfjs-webgpu', 'jax-js-webgpu'] as const;

/** The `bench` command. */
export async function runBench(what: What, flags: BenchFlags): Promise<void> {
  if (flags.trace !== undefined)
    checkOutput(flags.trace, {
      flag: '--trace',
      what: 'a Chrome trace',
      endings: ['.json'],
      force: flags.force ?? false,
    });
  try {
    if (what === 'guard') return await runGuard(flags);
    if (what === 'table') return await writeTable(flags);
    if (what === 'scale') return await benchScale(flags);
    const threads = flags.threads ?? availableParallelism();
    const common = {
      device: flags.device,
      threads,
      rounds: flags.rounds,
      limit: flags.limit,
      onProgress: note,
    };
    const places = { python: flags.python, folder: peerFolder() };
    switch (what) {
      case 'start': {
        const main = fileURLToPath(new URL('../main.js', import.meta.url));
        return await publish(await measureStart({ ...common, batch: flags.batch ?? 128, main }), flags);
      }
      case 'step-overhead':
        return await publish(
          await measureOverhead({ ...common, batch: flags.batch ?? 32, steps: flags.steps ?? 200 }),
          flags,
        );
      case 'gpu':
        return await publish(await measureGpu({ ...common, places }), flags);
      case 'suite': {
        const peer = choosePeer(what, flags, ['pytorch']);
        const networks = flags.networks ? { networks: flags.networks } : {};
        const options = { ...common, ...networks, places, precision: flags.precision };
        return await publish(await measureSuite({ ...options, ...(peer ? { peer } : {}) }), flags);
      }
      case 'data': {
        const peer = choosePeer(what, flags, ['torchvision']);
        const data = flags.data === undefined ? {} : { data: flags.data };
        const options = { ...common, ...data, batch: flags.batch ?? 128, places };
        return await publish(await measureData({ ...options, ...(peer ? { peer } : {}) }), flags);
      }
      default:
        for (const batch of flags.batch === undefined ? BATCHES[what] : [flags.batch])
          await measureSteps(what, batch, flags, { ...common, places });
    }
  } catch (error) {
    if (!(error instanceof MissingPeerError)) throw error;
    reportError(error);
    process.exitCode = EXIT.missingPeer;
  }
}

async function measureSteps(
  what: 'train' | 'infer',
  batch: number,
  flags: BenchFlags,
  common: Pick<Parameters<typeof compare>[0], 'device' | 'threads' | 'rounds' | 'limit' | 'places'>,
): Promise<void> {
  const { norm, precision } = flags;
  const paper = await openPaperNamed(flags.paper);
  const peer = choosePeer(
    what,
    flags,
    what === 'train' ? TRAINERS : ([...TRAINERS, 'onnxruntime', 'onnxruntime-web'] as const),
  );
  const { peerMode = '' } = flags;
  if (peer && peerMode && !PEERS[peer].modes.includes(peerMode))
    throw new UsageError({
      what: `--peer-mode ${peerMode} cannot be used`,
      expected: `one of ${PEERS[peer].modes.join(', ')} for ${peer}`,
      got: peerMode,
      next: 'leave --peer-mode out to use the first of them',
    });
  const { result, profile } = await compare({
    ...common,
    what,
    network: { paper: paper.id, preset: flags.preset ?? Object.keys(paper.presets)[0]!, norm },
    batch,
    precision,
    steps: flags.steps ?? (what === 'infer' && batch === 1 ? 20 : 2),
    mode: peerMode,
    profile: flags.profile === true || flags.trace !== undefined,
    ...(peer ? { peer } : {}),
  });
  await publish(result, flags);
  if (!profile) return;
  if (flags.trace !== undefined) await writeFileAtomic(flags.trace, JSON.stringify(traceEvents(profile)));
  if (flags.profile) for (const line of profileText(profile)) (flags.json ? note : print)(line);
}

/** @throws UsageError for a peer that cannot run this measurement */
function choosePeer<T extends string>(what: What, { peer }: BenchFlags, able: readonly T[]): T | undefined {
  if (peer === 'none') return undefined;
  if (peer === undefined) return able[0];
  if ((able as readonly string[]).includes(peer)) return peer as unknown as T;
  throw new UsageError({
    what: `--peer ${peer} cannot be compared in bench ${what}`,
    expected: `one of none, ${able.join(', ')}`,
    got: peer,
    next: 'name one of these, or none to measure Paperweight alone',
  });
}

async function publish(result: Result, flags: BenchFlags): Promise<void> {
  if (flags.save) note(`Saved as ${await saveResult(flags.out, result)}`);
  if (flags.json) return printJson(result);
  for (const line of resultText(result)) print(line);
}
