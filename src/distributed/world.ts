import { readFileSync } from 'node:fs';
import { availableParallelism, hostname } from 'node:os';
import { hashOf, setCommunicator } from '../backend/communication/current.js';
import { Lane } from '../backend/communication/lane.js';
import type { Wire } from '../backend/communication/protocol.js';
import { offerLinks } from '../backend/worker/link.js';
import { checkOptionNames, shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import { dtypeOf, makeArray, type TypedArray } from '../graph/types.js';
import { Module } from '../nn/module.js';
import * as ops from '../ops/index.js';
import { listOfParameters } from '../optim/parameters.js';
import type { Parameter } from '../tensor/parameter.js';
import { setMaskRank } from '../tensor/random.js';
import { Tensor } from '../tensor/tensor.js';
import { averageGradients } from './average.js';
import { launcherOf, launcherProcess } from './mpi/launcher.js';
import { candidates } from './mpi/library.js';
import { Split, type SplitModel } from './split.js';
import { Client } from './thread/client.js';
import { endJobUntilJoined } from './thread/leaving.js';
import type { Ending, RankProcess } from './thread/messages.js';

/** Lanes of devices: one for a device in a worker thread, one for a device in the main thread. */
const [DEVICE_LANE, MAIN_LANE] = [0, 1];

/**
 * Keeps libraries below MPI from handling signals and from replacing the system's memory functions. They replace them
 * while other threads execute them, which ended the process in one of thirty starts.
 */
const QUIET = {
  UCX_MEM_EVENTS: 'n',
  UCX_MEM_MMAP_HOOK_MODE: 'none',
  UCX_MEM_MALLOC_HOOKS: 'n',
  UCX_ERROR_SIGNALS: '',
  OMPI_MCA_memory: '^patcher',
};

let opened: Promise<World> | undefined;

/**
 * Joins the other ranks, if a launcher such as `mpirun` or `srun` has started this program as one of several; without a
 * launcher, gives a world of one rank and loads no library. Open it before the device.
 *
 * @throws UsageError if the launcher's library is missing, or the launcher and the library belong to different MPI
 *   implementations
 * @throws JoinError if not all ranks have joined after 60 seconds (`PAPERWEIGHT_JOIN_SECONDS`)
 * @example
 * const world = await distributed.open();
 * const { device } = await openDevice('auto', { threads: world.threads });
 */
export function open(): Promise<World> {
  return (opened ??= join());
}

/** Reads a limit in seconds from the environment. */
function limit(name: string, seconds: number): number {
  const text = process.env[name];
  if (text === undefined) return seconds * 1000;
  const value = Number(text);
  if (value >= 1 && value <= 1e6) return value * 1000;
  throw new UsageError({
    what: `${name} is not a number of seconds`,
    expected: '1 or more',
    got: shown(text),
  });
}

async function join(): Promise<World> {
  const launcher = launcherOf();
  if (!launcher || launcher.size === 1) return new World(undefined);
  endJobUntilJoined();
  for (const [name, value] of Object.entries(QUIET)) process.env[name] ??= value;
  const client = await Client.start(launcher, {
    files: candidates(launcher, launcherProcess()?.program),
    self: { host: hostname(), pid: process.pid, cores: ownCores() },
    limits: {
      silence: limit('PAPERWEIGHT_SILENCE_SECONDS', 8),
      waiting: limit('PAPERWEIGHT_WAIT_SECONDS', 900),
      joining: limit('PAPERWEIGHT_JOIN_SECONDS', 60),
    },
  });
  return new World(client);
}

/** The cores that this process may use, as Linux lists them; empty on other systems. */
function ownCores(): string {
  try {
    return /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  } catch {
    return '';
  }
}

/** This process as one of several ranks, and its exchanges with the others. */
export class World {
  /** This process's number, from 0. */
  readonly rank: number;
  /** Number of processes that work together. */
  readonly size: number;
  /** The library and its file; undefined on one rank. */
  readonly library: { readonly name: string; readonly abi: string; readonly file: string } | undefined;
  /** Every rank's host, process and cores. */
  readonly processes: readonly RankProcess[];
  readonly #client: Client | undefined;
  #split: Split | undefined;
  /** Parameters of which each rank has a part. */
  #divided: ReadonlySet<Parameter> = new Set();
  #closing: Promise<void> | undefined;

  /** @param client undefined without a launcher */
  constructor(client: Client | undefined) {
    this.#client = client;
    this.rank = client?.ready.rank ?? 0;
    this.size = client?.ready.size ?? 1;
    this.processes = client?.ready.processes ?? [{ host: hostname(), pid: process.pid, cores: '' }];
    if (!client) return;
    const { library: name, abi, file } = client.ready;
    this.library = { name, abi, file };
    if (this.size === 1) return;
    const { shared, port } = client.link(MAIN_LANE);
    port.unref();
    setCommunicator(new Lane(shared, port));
    setMaskRank(this.rank);
    offerLinks({ make: () => client.link(DEVICE_LANE), end: () => client.unlink(DEVICE_LANE) });
    process.once('beforeExit', this.#atEnd);
  }

  /** Whether this is rank 0, which prints and writes files for all ranks. */
  get first(): boolean {
    return this.rank === 0;
  }

  /** Number of threads for this rank's device: its cores, shared with the ranks that may use the same ones. */
  get threads(): number {
    const { host, cores } = this.processes[this.rank]!;
    const sharing = this.processes.filter((one) => one.host === host && one.cores === cores).length;
    return Math.max(1, Math.floor(availableParallelism() / sharing));
  }

  /** Such as "rank 1 of 2 (node-b)". */
  get name(): string {
    return `rank ${this.rank} of ${this.size} (${this.processes[this.rank]!.host})`;
  }

  /** Such as "rank 1 (node-b)". */
  nameOf(rank: number): string {
    return `rank ${rank} (${this.processes[rank]!.host})`;
  }

  /** How a model is divided over ranks that all compute the same batches; undefined if each has its own images. */
  get split(): Split | undefined {
    return this.#split;
  }

  /** From now on all ranks compute the same batches, each with its part of the model. */
  divide(model: SplitModel): void {
    this.#split = new Split(model.dims, this.size, this.rank);
    setMaskRank(undefined);
    const named = [...model.model.stateDict()];
    this.#divided = new Set(named.flatMap(([name, one]) => (model.dims.has(name) ? [one] : [])));
  }

  /** Seconds that this rank's device has waited for exchanges with others; wraps around after an hour. */
  get waitedSeconds(): number {
    return (this.#client?.waited ?? 0) / 1e6;
  }

  /** Seconds in which an exchange of this rank's device was in progress; wraps around after an hour. */
  get exchangedSeconds(): number {
    return (this.#client?.exchanged ?? 0) / 1e6;
  }

  /**
   * This rank's range of `count` items, such as the images of a batch. The sizes of the ranges differ by one at most,
   * and the ranges are in the order of ranks.
   */
  part(count: number): { readonly start: number; readonly end: number } {
    const at = (rank: number) => Math.floor((count * rank) / this.size);
    return { start: at(this.rank), end: at(this.rank + 1) };
  }

  /** The sum of all ranks' values, on every rank. Its gradient is the sum of their gradients. */
  allReduce(x: Tensor): Tensor {
    return this.size === 1 ? x : new Tensor(ops.allReduce(nodeOf('allReduce', x), this.size));
  }

  /** The values of rank `root`, on every rank. */
  broadcast(x: Tensor, root = 0): Tensor {
    const { rank, size: ranks } = this;
    return new Tensor(ops.broadcastFrom(nodeOf('broadcast', x), { ranks, rank, root }));
  }

  /** The values of all ranks, concatenated along the first dimension; all ranks must pass the same shape. */
  allGather(x: Tensor): Tensor {
    return new Tensor(ops.allGather(nodeOf('allGather', x), this.size));
  }

  /** This rank's part, along the first dimension, of the sum of all ranks' values. */
  reduceScatter(x: Tensor): Tensor {
    return new Tensor(ops.reduceScatter(nodeOf('reduceScatter', x), this.size));
  }

  /**
   * Copies the parameters and buffers of rank 0 to every rank.
   * @throws UsageError if names or shapes differ between the ranks' models
   */
  async share(model: Module): Promise<void> {
    if (!(model instanceof Module))
      throw new UsageError({ what: 'share got no model', expected: 'world.share(model)', got: shown(model) });
    if (this.size === 1) return;
    const state = [...model.stateDict()];
    const shapes = state.map(([name, { shape, dtype }]) => `${name} ${dtype}[${shape.join()}]`);
    await this.check('its model', shapes.join('\n'));
    for (const [, parameter] of state) {
      const { dtype, size } = parameter;
      const own = this.first ? await parameter.data() : undefined;
      const region = await this.#client!.exchange(
        { kind: 'broadcast', dtype, count: size, label: 'weights' },
        (into) => {
          if (own) makeArray(dtype, into, 0, size).set(own as never);
        },
      );
      if (!this.first) parameter.load(makeArray(dtype, region, 0, size).slice());
    }
  }

  /**
   * Replaces the gradients by their means over all ranks. Call it between `backward()` and the optimizer's step.
   * Pending updates of running statistics are averaged too. The exchange runs while other gradients are computed.
   *
   * @param options.share weight of this rank's gradients; 1 / size unless given. For ranks with different numbers of
   *   images: own images / all images. The shares of all ranks add up to 1.
   * @param options.wire `bfloat16` moves half the bytes, with rounded gradients
   */
  average(parameters: Iterable<Parameter>, options: { share?: number; wire?: Wire } = {}): void {
    checkOptionNames('average', options, ['share', 'wire']);
    if (this.size === 1) return;
    const { share = 1 / this.size, wire = 'float32' } = options;
    averageGradients(listOfParameters('average', parameters) as Parameter[], this.size, {
      share,
      // One rank's share may be that by chance.
      even: options.share === undefined,
      images: share,
      wire,
    });
  }

  /**
   * Like {@link average}, for gradients of a loss that already includes this rank's weight. Ranks with parts of a model
   * keep the gradients and running statistics of their parts.
   *
   * @param images this rank's share of the images
   * @param options.accumulated whether the gradients include those of earlier batches
   * @param options.paired whether neighbouring ranks are added first, then pairs of these
   */
  addUp(
    parameters: readonly Parameter[],
    images: number,
    {
      wire = 'float32',
      accumulated = false,
      paired = false,
    }: { wire?: Wire | undefined; accumulated?: boolean; paired?: boolean } = {},
  ): void {
    if (this.size === 1) return;
    const shared = parameters.filter((one) => !this.#divided.has(one));
    const statistics = this.#split ? {} : { images };
    // In the layout of a device the same kernel may add in another order.
    const even = !accumulated && !paired && (this.#split !== undefined || images === 1 / this.size);
    averageGradients(shared, this.size, { share: 1, even, ...statistics, wire, paired });
  }

  /** All ranks' values, in the order of ranks. All ranks must pass the same type and count. */
  async gatherArrays<T extends TypedArray>(values: T): Promise<T[]> {
    const count = values.length;
    if (!this.#client || this.size === 1) return [values];
    const dtype = dtypeOf(values);
    const region = await this.#client.exchange(
      { kind: 'gather', dtype, count, label: 'values of all ranks' },
      (into) => makeArray(dtype, into, 0, count).set(values),
    );
    return Array.from(
      { length: this.size },
      (_, rank) => makeArray(dtype, region, rank * values.byteLength, count) as T,
    );
  }

  /** The sums of several values over all ranks, in one exchange; no gradients flow through them. */
  sums(values: readonly Tensor[], label: string): Tensor[] {
    if (this.size === 1) return [...values];
    const nodes = values.map(({ node }) => node);
    return ops.sumTogether(nodes, { ranks: this.size, wire: 'float32', label }).map((n) => new Tensor(n));
  }

  /** All ranks' numbers, in the order of ranks. All ranks must pass the same count. */
  async gather(values: readonly number[]): Promise<Float64Array[]> {
    const count = values.length;
    if (!this.#client || this.size === 1) return [Float64Array.from(values)];
    const region = await this.#client.exchange(
      { kind: 'gather', dtype: 'float64', count, label: 'numbers of all ranks' },
      (into) => new Float64Array(into).set(values),
    );
    return Array.from({ length: this.size }, (_, r) =>
      new Float64Array(region, 8 * r * count, count).slice(),
    );
  }

  /** Sends rank 0's value, which is JSON data, to all ranks, and returns it. The other ranks' arguments are ignored. */
  async broadcastValue<T>(value: T): Promise<T> {
    if (!this.#client || this.size === 1) return value;
    const text = this.first ? new TextEncoder().encode(JSON.stringify({ value })) : new Uint8Array();
    const bytes = await this.broadcastBytes(text);
    return (JSON.parse(new TextDecoder().decode(bytes)) as { value: T }).value;
  }

  /** Sends rank 0's bytes to all ranks, and returns them. */
  async broadcastBytes(bytes: Uint8Array): Promise<Uint8Array> {
    if (!this.#client || this.size === 1) return bytes;
    const [length] = await this.gather([bytes.length]);
    const count = length![0]!;
    const region = await this.#client.exchange(
      { kind: 'broadcast', dtype: 'uint8', count, label: 'values of rank 0' },
      (into) => {
        if (this.first) new Uint8Array(into).set(bytes);
      },
    );
    return new Uint8Array(region, 0, count).slice();
  }

  /**
   * Checks that a value is the same on all ranks.
   * @param what name in messages, such as "its data"
   * @param describe the value as text, or everything that determines it
   * @throws UsageError on all ranks if one differs; the error names that rank
   */
  async check(what: string, describe: string, next = 'start the same command on all ranks'): Promise<void> {
    const all = await this.gather([...hashOf(describe)]);
    const other = all.findIndex((hash) => hash.some((byte, i) => byte !== all[0]![i]));
    if (other < 0) return;
    throw new UsageError({
      what: `Rank ${other} (${this.processes[other]!.host}) differs from rank 0 (${this.processes[0]!.host}) in ${what}`,
      expected: 'the same on all ranks',
      got: 'a difference',
      next,
    });
  }

  /** All ranks' short texts, in the order of ranks; a longer one is cut off. */
  async texts(text: string): Promise<string[]> {
    if (!this.#client || this.size === 1) return [text];
    const count = 1024;
    const region = await this.#client.exchange(
      { kind: 'gather', dtype: 'uint8', count, label: 'texts of all ranks' },
      (into) => new Uint8Array(into).set(new TextEncoder().encode(text).subarray(0, count)),
    );
    return Array.from({ length: this.size }, (_, r) =>
      new TextDecoder().decode(new Uint8Array(region, r * count, count).slice()).replaceAll('\0', ''),
    );
  }

  /**
   * Measures sums over all ranks: seconds for one number (`latency`), and for `bytes` bytes of float32 (`seconds`).
   * Each is the fastest of several tries.
   */
  async measure(bytes = 25e6): Promise<{ readonly latency: number; readonly seconds: number }> {
    const client = this.#client;
    if (!client || this.size === 1) return { latency: 0, seconds: 0 };
    const fastest = async (count: number, tries: number): Promise<number> => {
      let best = Number.POSITIVE_INFINITY;
      for (let i = 0; i < tries; i++) {
        await this.barrier();
        const began = performance.now();
        await client.exchange({ kind: 'sum', dtype: 'float32', count, label: 'a measurement' }, () => {});
        best = Math.min(best, performance.now() - began);
      }
      return best / 1000;
    };
    return { latency: await fastest(1, 100), seconds: await fastest(Math.ceil(bytes / 4), 6) };
  }

  /** Waits until all ranks have called it. */
  async barrier(): Promise<void> {
    await this.gather([0]);
  }

  /**
   * Leaves the job as soon as all ranks do. This happens automatically when a program ends normally; if it ends in any
   * other way, the whole job ends.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (!this.#client) return;
    this.#detach();
    const all = await this.#client.ending(0, 0);
    await this.#client.finish(all ? 'finalize' : 'abort', 1);
  }

  #detach(): void {
    process.off('beforeExit', this.#atEnd);
    offerLinks(undefined);
    setCommunicator(undefined);
    setMaskRank(undefined);
    opened = undefined;
  }

  /**
   * Ends the job after an error of this rank. Other ranks may have the same error.
   *
   * @param code exit code of this process, not 0
   * @param message text of the error
   * @param speak prints the message after the given prefix; not called if rank 0 prints the same message
   */
  async fail(code: number, message: string, speak: (prefix: string) => void): Promise<void> {
    if (!this.#client) return speak('');
    const digest = new Int32Array(hashOf(message).buffer)[0]!;
    const all: readonly Ending[] | undefined = await this.#client.ending(code, digest);
    const shared = all?.every((one) => one.code === all[0]!.code && one.digest === all[0]!.digest) ?? false;
    if (!shared || this.first) speak(shared ? '' : `${this.name}: `);
    this.#detach();
    // The first rank that aborts ends the others: rank 0 must have printed.
    if (all) await this.#client.ending(code, digest);
    await this.#client.finish('abort', code);
  }

  readonly #atEnd = (): void => {
    if (!process.exitCode) void this.close();
  };
}

function nodeOf(method: string, x: Tensor) {
  if (x instanceof Tensor) return x.node;
  throw new UsageError({ what: `${method} takes a tensor`, expected: 'a Tensor', got: shown(x) });
}
