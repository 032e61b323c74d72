import { availableParallelism, cpus } from 'node:os';
import type { World } from '../distributed/index.js';

/** Bytes of the exchange that is measured: gradients of 6 million parameters. */
const BYTES = 25e6;

/** The ranks of a launcher: what they are, and how fast they exchange sums. All of them have to call this. */
export async function describeRanks(world: World) {
  const cores = (await world.gather([availableParallelism(), world.threads])).map(([own, threads]) => ({
    own: own!,
    threads: threads!,
  }));
  const { latency, seconds } = await world.measure(BYTES);
  const together = (rank: number) =>
    world.processes.filter(({ host }) => host === world.processes[rank]!.host).length;
  return {
    ranks: world.size,
    mpi: world.library!,
    processes: world.processes.map((one, rank) => ({ rank, ...one, threads: cores[rank]!.threads })),
    latencySeconds: latency,
    exchangeSeconds: seconds,
    exchangeBytes: BYTES,
    /** Ranks that the launcher keeps on one of several cores. */
    bound: cores.flatMap(({ own }, rank) => (own === 1 && cpus().length > together(rank) ? [rank] : [])),
  };
}

/** Rows of the table of `doctor`. */
export function rankRows(found: Awaited<ReturnType<typeof describeRanks>>): string[][] {
  const { mpi, processes, latencySeconds, exchangeSeconds, exchangeBytes, bound } = found;
  const rate = (exchangeBytes / 1e9 / exchangeSeconds).toFixed(2);
  return [
    ['MPI', `${mpi.name} (${mpi.file}), called by the ${mpi.abi} ABI`],
    ...processes.map(({ rank, host, pid, cores, threads }) => [
      `rank ${rank}`,
      `${host}, process ${pid}, cores ${cores || 'not known'}, ${threads} ${threads === 1 ? 'thread' : 'threads'} for its device`,
    ]),
    [
      'exchange',
      `${Math.round(latencySeconds * 1e6)} µs for one number; ${(exchangeSeconds * 1000).toFixed(1)} ms for ${exchangeBytes / 1e6} MB of gradients (${rate} GB/s)`,
    ],
    ...(bound.length > 0
      ? [
          [
            'cores',
            `the launcher keeps ${bound.length === processes.length ? 'each rank' : `rank ${bound.join(', ')}`} on one core: start Open MPI with --bind-to none, or --map-by node:PE=CORES`,
          ],
        ]
      : []),
  ];
}
