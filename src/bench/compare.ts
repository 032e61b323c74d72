import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { ProfileRow } from '../backend/backend.js';
import type { CompareOptions } from './compare-options.js';
import { checkDevice } from './device.js';
import { resultHead } from './machine.js';
import { countFlop } from './network.js';
import { PeerSide, readySchema, secondsSchema } from './peer-side.js';
import { largestBatch, PEERS, type PeerName, peerCommand } from './peers.js';
import type { StepTiming } from './result.js';
import { Side } from './side.js';
import { median, percentile, spread } from './stats.js';
import { type WorkOptions, writeWork } from './work.js';

export interface Comparison {
  readonly result: StepTiming;
  /** Profile of one step, if requested. */
  readonly profile?: readonly ProfileRow[];
}

const WARMUP = 2;
const infoSchema = z.object({
  engine: z.string(),
  version: z.string(),
  isa: z.string().optional(),
  precision: z.string().optional(),
});
const plansSchema = z.array(z.object({ arenaBytes: z.number(), compileSeconds: z.number() }));

/** Command that starts our side. */
export const oursCommand = (workFile: string) => ({
  name: 'paperweight',
  command: process.execPath,
  args: [fileURLToPath(new URL('./ours.js', import.meta.url)), workFile],
});

/**
 * Measures Paperweight and a peer alternately: each round has some steps of ours, the machine's matrix product, and
 * as many steps of the peer.
 *
 * @throws MissingPeerError if the peer is not installed; SideError if our own side fails
 */
export async function compare(options: CompareOptions): Promise<Comparison> {
  const { what, batch, threads, rounds, steps, peer, onProgress = () => {}, limit } = options;
  const gflopPerImage = (await countFlop(options.network))[what === 'train' ? 'train' : 'forward'];
  const peerBatch = peer ? Math.min(batch, largestBatch(peer, what, gflopPerImage)) : 0;
  // Before any computation, so that a device that does not work here and a missing package are reported at once.
  await checkDevice(options);
  if (peer && peerBatch > 0) await peerCommand(peer, [], options.places, threads);
  const base: WorkOptions = {
    what,
    network: options.network,
    batch,
    threads,
    device: options.device,
    precision: options.precision,
    mode: options.mode || (peer ? PEERS[peer].modes[0]! : ''),
    warmup: WARMUP,
    wantsOnnx: peer === 'onnxruntime' || peer === 'onnxruntime-web',
  };
  const work = await writeWork(base);
  const theirWork =
    peer && peerBatch > 0 ? await writeWork({ ...base, ...describing(peer), batch: peerBatch }) : undefined;
  const ours = new Side(oursCommand(work.file));
  const theirs: PeerSide | undefined = peer && new PeerSide(peer, options, peerBatch);
  try {
    const ready = await ours.ready(limit);
    const { logits } = readySchema.parse(ready);
    onProgress(`paperweight is ready`);
    if (theirs && theirWork) onProgress(await theirs.start(theirWork.file, logits));
    const mine: number[] = [];
    const rates: number[] = [];
    const roundRatios: number[] = [];
    for (let round = 1; round <= rounds; round++) {
      const own = secondsSchema.parse(await ours.ask(`go ${steps}`, limit)).seconds;
      mine.push(...own);
      const { gflops } = await ours.ask('sgemm', limit);
      if (typeof gflops === 'number') rates.push(gflops);
      const other = await theirs?.go(steps);
      if (other) roundRatios.push(median(other) / median(own));
      onProgress(
        `round ${round}/${rounds}: ${show(own)}${other ? `, ${peer} ${show(other)}` : ''}${rates.length > 0 ? `, sgemm ${rates.at(-1)!.toFixed(0)} GFLOP/s` : ''}`,
      );
    }
    const profile = options.profile ? ((await ours.ask('profile', limit)).rows as ProfileRow[]) : undefined;
    const plans = plansSchema.parse((await ours.ask('stats', limit)).plans);
    const peak = Number((await ours.end()).peakRssMiB);
    const speedOf = (values: readonly number[]) => {
      const secondsPerStep = median(values);
      return {
        secondsPerStep,
        spread: spread(values),
        imagesPerSecond: batch / secondsPerStep,
        gflops: (gflopPerImage * batch) / secondsPerStep,
      };
    };
    const own = speedOf(mine);
    const found = await theirs?.finish();
    const result: StepTiming = {
      what,
      ...options.network,
      batch,
      precision: infoSchema.parse(ready.info).precision ?? options.precision,
      ...resultHead(threads),
      device: infoSchema.parse(ready.info),
      rounds,
      steps,
      ...own,
      peakRssMiB: peak,
      sgemmGflops: rates.length > 0 ? median(rates) : null,
      gflopPerImage,
      arenaMiB: Math.round(Math.max(...plans.map((p) => p.arenaBytes)) / 2 ** 20),
      compileSeconds: Math.max(...plans.map((p) => p.compileSeconds)),
      latency: { p50: percentile(mine, 0.5), p95: percentile(mine, 0.95) },
      ...(found && 'seconds' in found
        ? {
            peer: { ...found.about, ...speedOf(found.seconds) },
            ratio: median(found.seconds) / own.secondsPerStep,
            roundRatio: spread(roundRatios),
          }
        : found),
    };
    return { result, ...(profile ? { profile } : {}) };
  } finally {
    ours.kill();
    theirs?.kill();
    await work.remove();
    await theirWork?.remove();
  }
}

const describing = (peer: PeerName): Pick<WorkOptions, 'describe'> => {
  const { describe } = PEERS[peer];
  return describe ? { describe } : {};
};

const show = (values: readonly number[]): string => {
  const value = median(values);
  return value < 1 ? `${(value * 1000).toFixed(1)} ms` : `${value.toFixed(2)} s`;
};
