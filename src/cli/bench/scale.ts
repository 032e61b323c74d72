import { measureSchedule } from '../../bench/scale/measure.js';
import {
  computing,
  type Efficiency,
  efficiencies,
  NETWORKS,
  type Network,
  type Schedule,
  simulate,
} from '../../bench/scale/model.js';
import type { World } from '../../distributed/index.js';
import { openPaperNamed } from '../../papers/registry.js';
import { withDevice } from '../device.js';
import { note, print, printJson, table } from '../terminal/output.js';
import { withWorld } from '../world.js';
import type { BenchFlags } from './flags.js';

const RANKS = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
const BATCH = 32;
/** Bytes of the exchange that measures the network of a launcher. */
const BYTES = 25e6;

/**
 * Predicts how a training scales: measures each step of its plan on this machine, and under a launcher the network of its
 * ranks, and computes the efficiency of more machines by the cost model.
 */
export const benchScale = (flags: BenchFlags): Promise<void> => withWorld((world) => scale(flags, world));

async function scale(flags: BenchFlags, world: World | undefined): Promise<void> {
  const here = world && (await measured(world));
  // The other ranks wait for the first one without computing.
  if (world && !world.first) return;
  const paper = await openPaperNamed(flags.paper);
  const preset = flags.preset ?? Object.keys(paper.presets)[0]!;
  const batch = flags.batch ?? BATCH;
  const threads = flags.threads ?? world?.threads;
  const device = { ...flags, ...(threads === undefined ? {} : { threads }) };
  const schedule = await withDevice(device, (opened) =>
    measureSchedule({ paper: paper.id, preset, norm: flags.norm }, opened, batch, 4),
  );
  const halved = { ...schedule, bytes: schedule.bytes.map((bytes) => bytes / 2) };
  const networks = [...NETWORKS, ...(here ? [here] : [])];
  const all = (one: Schedule) => networks.map((network) => efficiencies(one, network, RANKS));
  const [float32, bfloat16] = [all(schedule), all(halved)];
  if (flags.json) {
    const most = RANKS.at(-1)!;
    printJson({
      what: 'scale',
      paper: paper.id,
      preset,
      batch,
      secondsPerStep: computing(schedule),
      bytes: schedule.bytes,
      networks,
      float32: float32.flat(),
      bfloat16: bfloat16.flat(),
      /** When each exchange of a step starts and ends, and how long the step waits for it. */
      simulated: networks.map((network) => ({
        network: network.name,
        ranks: most,
        ...simulate(schedule, most, network),
      })),
    });
    return;
  }
  const megabytes = schedule.bytes.reduce((a, b) => a + b, 0) / 1e6;
  print(
    `${paper.name} (${preset}), ${batch} images a rank: ${computing(schedule).toFixed(3)} s a step here, ${megabytes.toFixed(0)} MB of gradients in ${schedule.bytes.length} exchanges.`,
  );
  if (here)
    print(
      `This job’s network: ${(1e6 * here.latency).toFixed(0)} µs for a message, ${(here.bandwidth / 1e9).toFixed(2)} GB/s.`,
    );
  print(
    '\nEfficiency in percent: without overlap → with it, by the closed formula (and by simulating the plan):',
  );
  for (const [name, found] of [
    ['float32', float32],
    ['bfloat16 on the wire', bfloat16],
  ] as const) {
    print(`\n${name}`);
    const head = ['Ranks', ...networks.map((network) => network.name)];
    const rows = RANKS.map((ranks, i) => [String(ranks), ...found.map((each) => cell(each[i]!))]);
    for (const line of table([head, ...rows], 'r'.repeat(head.length))) print(line);
  }
  note('These are upper bounds: machines of equal speed, a network without congestion, all steps equal.');
}

const percent = (share: number): string => (100 * share).toFixed(0);

const cell = ({ without, closed, simulated }: Efficiency): string =>
  `${percent(without)} → ${percent(closed)} (${percent(simulated)})`;

/** The network between the ranks of a launcher. */
async function measured(world: World): Promise<Network> {
  const { latency, seconds } = await world.measure(BYTES);
  const messages = world.size - 1 + Math.ceil(Math.log2(world.size));
  const moved = (2 * (world.size - 1) * BYTES) / world.size;
  return {
    name: 'this job',
    latency: latency / messages,
    bandwidth: moved / Math.max(1e-9, seconds - latency),
  };
}
