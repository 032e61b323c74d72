/** A network between machines. */
export interface Network {
  readonly name: string;
  /** Usable bytes a second of each machine, in each direction. */
  readonly bandwidth: number;
  /** Seconds until a message arrives. */
  readonly latency: number;
}

const gigabits = (rate: number, usable: number, microseconds: number): Network => ({
  name: `${rate} Gb/s`,
  bandwidth: (usable * rate * 1e9) / 8,
  latency: microseconds * 1e-6,
});

/** Usual Ethernet: the share of the rate that programs see, and the latency of TCP. */
export const NETWORKS: readonly Network[] = [
  gigabits(10, 0.9, 30),
  gigabits(25, 0.9, 25),
  gigabits(100, 0.8, 15),
];

/** Bytes a second at which a rank adds the parts of the others. */
const ADDING = 5e9;

/**
 * Seconds of a sum of `bytes` bytes over `ranks` machines: each rank sends a part to each other rank (N − 1 messages),
 * adds what it has received, and sends the sums to all (⌈log₂ N⌉ rounds). Each moves (N − 1) / N of the bytes.
 */
export function exchangeSeconds(bytes: number, ranks: number, { bandwidth, latency }: Network): number {
  if (ranks === 1) return 0;
  const part = (ranks - 1) / ranks;
  const messages = ranks - 1 + Math.ceil(Math.log2(ranks));
  return messages * latency + (2 * part * bytes) / bandwidth + (part * bytes) / ADDING;
}

/** A step of a plan: it computes, and perhaps starts an exchange or first waits for one. */
export interface PlanStep {
  readonly seconds: number;
  /** Index of the exchange that starts after it. */
  readonly starts?: number;
  /** Index of the exchange that it waits for. */
  readonly waits?: number;
}

/** A plan's own order of steps, as measured in one process, and the bytes of its exchanges. */
export interface Schedule {
  readonly steps: readonly PlanStep[];
  readonly bytes: readonly number[];
}

/** Seconds of a step without exchanges. */
export const computing = ({ steps }: Schedule): number =>
  steps.reduce((sum, { seconds }) => sum + seconds, 0);

/** When each exchange starts and ends, and how long the plan waits for it, in seconds. */
export interface Simulated {
  readonly seconds: number;
  readonly exchanges: readonly { readonly start: number; readonly end: number; readonly waited: number }[];
}

/** Runs the plan step by step; exchanges follow each other on the network in the order in which they start. */
export function simulate({ steps, bytes }: Schedule, ranks: number, network: Network): Simulated {
  const exchanges = bytes.map(() => ({ start: 0, end: 0, waited: 0 }));
  let [now, free] = [0, 0];
  for (const { seconds, starts, waits } of steps) {
    if (waits !== undefined && exchanges[waits]!.end > now) {
      exchanges[waits]!.waited += exchanges[waits]!.end - now;
      now = exchanges[waits]!.end;
    }
    now += seconds;
    if (starts === undefined) continue;
    const start = Math.max(now, free);
    free = start + exchangeSeconds(bytes[starts]!, ranks, network);
    exchanges[starts] = { start, end: free, waited: 0 };
  }
  return { seconds: now, exchanges };
}

/**
 * The closed formula for the same: exchanges can hide behind what is computed from the first one's start to the last
 * one's, but the last one cannot hide. A lower bound of the simulation.
 */
export function closedForm(schedule: Schedule, ranks: number, network: Network): number {
  const { steps, bytes } = schedule;
  const each = bytes.map((size) => exchangeSeconds(size, ranks, network));
  const total = each.reduce((a, b) => a + b, 0);
  const first = steps.findIndex(({ starts }) => starts !== undefined);
  const last = steps.findLastIndex(({ starts }) => starts !== undefined);
  if (first < 0) return computing(schedule);
  const window = steps.slice(first + 1, last + 1).reduce((sum, { seconds }) => sum + seconds, 0);
  return computing(schedule) + Math.max(each[steps[last]!.starts!]!, total - window);
}

/** Efficiency without overlap, with it by the closed formula, and by the simulation: seconds alone ÷ seconds together. */
export interface Efficiency {
  readonly ranks: number;
  readonly network: string;
  readonly without: number;
  readonly closed: number;
  readonly simulated: number;
}

export function efficiencies(schedule: Schedule, network: Network, ranks: readonly number[]): Efficiency[] {
  const alone = computing(schedule);
  return ranks.map((n) => {
    const total = schedule.bytes.reduce((sum, size) => sum + exchangeSeconds(size, n, network), 0);
    return {
      ranks: n,
      network: network.name,
      without: alone / (alone + total),
      closed: alone / closedForm(schedule, n, network),
      simulated: alone / simulate(schedule, n, network).seconds,
    };
  });
}
