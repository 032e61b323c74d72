import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Precision } from '../../backend/backend.js';
import type { DeviceName } from '../../backend/device-names.js';
import { checkDevice } from '../device.js';
import { resultHead } from '../machine.js';
import { type PeerPlaces, peerCommand } from '../peers.js';
import type { SuiteResult } from '../result.js';
import { Side, type SideCommand, SideError } from '../side.js';
import { median, spread } from '../stats.js';
import { NETS } from './nets/index.js';
import { NETWORK_NAMES } from './nets/names.js';

export interface SuiteOptions {
  /** Names of networks; all if left out. */
  readonly networks?: readonly string[];
  readonly device: DeviceName;
  /** Number type of products and convolutions; 'auto' is float32. */
  readonly precision: Precision;
  readonly threads: number;
  readonly rounds: number;
  /** Seconds per side and round. */
  readonly limit: number;
  readonly peer?: 'pytorch';
  readonly places: PeerPlaces;
  readonly onProgress?: (line: string) => void;
}

/** Largest accepted relative difference of the losses of the first five steps; rounding errors grow from step to step. */
const SAME_LOSSES = { float32: 1e-3, rounded: 0.05 };
/** Each turn of a side takes at least this many seconds, so that short steps are measured many at a time. */
const TURN_SECONDS = 1;

const readySchema = z.object({ version: z.string(), losses: z.array(z.number()).min(1) });
const turnSchema = z.object({ seconds: z.number().positive() });

/**
 * Measures a training step of each network of the suite, Paperweight and PyTorch in turn. The losses of the
 * first five steps are compared first.
 *
 * @throws MissingPeerError if the peer is not installed; SideError if a side fails or the losses differ
 */
export async function measureSuite(options: SuiteOptions): Promise<SuiteResult> {
  const { networks = NETWORK_NAMES, threads, rounds, onProgress = () => {} } = options;
  const cases: SuiteResult['cases'] = [];
  const precision = options.precision === 'auto' ? 'float32' : options.precision;
  await checkDevice({ ...options, precision });
  for (const network of networks) {
    const found = await measureNet(network, { ...options, precision });
    cases.push(found);
    onProgress(
      `${network}: ${(1000 * found.spread.median).toFixed(1)} ms${found.peer ? `, ${found.peer.version} ${(1000 * found.peer.spread.median).toFixed(1)} ms, ratio ${found.ratio!.toFixed(2)}` : ''}`,
    );
  }
  return { what: 'suite', ...resultHead(threads), precision, rounds, cases };
}

async function measureNet(network: string, options: SuiteOptions): Promise<SuiteResult['cases'][number]> {
  const { device, threads, rounds, limit, peer, places, precision } = options;
  const command = {
    name: 'paperweight',
    command: process.execPath,
    args: [fileURLToPath(new URL('./ours.js', import.meta.url)), network, String(threads), device, precision],
  };
  const theirCommand =
    peer && (await peerCommand('pytorch-suite', [network, String(threads), precision], places, threads));
  const ours = await start(command, limit);
  let theirs: Started | undefined;
  try {
    theirs = theirCommand && (await start(theirCommand, limit));
    const difference = theirs && lossDifference(ours.losses, theirs.losses);
    const allowed = precision === 'float32' ? SAME_LOSSES.float32 : SAME_LOSSES.rounded;
    if (difference !== undefined && !(difference <= allowed))
      throw new SideError({
        what: `${network}: the two sides do not compute the same losses`,
        expected: `a relative difference of at most ${allowed}`,
        got: `${ours.losses.join(', ')} and ${theirs!.losses.join(', ')}`,
      });
    const [mine, others]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      mine.push(await ours.turn());
      if (theirs) others.push(await theirs.turn());
    }
    return {
      network,
      batch: NETS[network]!.batch,
      device: ours.version,
      spread: spread(mine),
      peakRssMiB: await ours.end(),
      ...(theirs
        ? {
            peer: {
              version: theirs.version,
              spread: spread(others),
              peakRssMiB: await theirs.end(),
              lossDifference: difference!,
            },
            ratio: median(others) / median(mine),
          }
        : {}),
    };
  } finally {
    ours.kill();
    theirs?.kill();
  }
}

interface Started {
  readonly version: string;
  readonly losses: readonly number[];
  /** Seconds per step. */
  turn(): Promise<number>;
  end(): Promise<number>;
  kill(): void;
}

async function start(command: SideCommand, limit: number): Promise<Started> {
  const side = new Side(command);
  try {
    const { version, losses } = readySchema.parse(await side.ready(limit));
    const go = async (steps: number): Promise<number> =>
      turnSchema.parse(await side.ask(`go ${steps}`, limit)).seconds;
    const steps = Math.max(2, Math.round(TURN_SECONDS / (await go(3))));
    return {
      version,
      losses,
      turn: () => go(steps),
      end: async () => Number((await side.end()).peakRssMiB),
      kill: () => side.kill(),
    };
  } catch (error) {
    side.kill();
    throw error;
  }
}

const lossDifference = (a: readonly number[], b: readonly number[]): number =>
  a.length === b.length
    ? Math.max(...a.map((loss, i) => Math.abs(loss - b[i]!) / Math.abs(b[i]!)))
    : Number.POSITIVE_INFINITY;
