import { readFileSync } from 'node:fs';
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { LANES, type Posted, WORD, writeFailure } from '../../backend/communication/protocol.js';
import { addressOf } from '../../backend/onednn/library/memory.js';
import { errorToPlain, UsageError } from '../../errors/errors.js';
import { Mpi, type Pending } from '../mpi/bindings.js';
import { AwakeClock } from './awake.js';
import { Collectives } from './collectives.js';
import { exitNow, exitWithin, printNow } from './exit.js';
import { MainWatch } from './main-watch.js';
import type { Ending, Order, RankProcess, ThreadData, ThreadMessage } from './messages.js';
import { PULSE_MS, Pulse } from './pulse.js';
import type { Ring, Steps } from './ring.js';
import { replaceOwn, unlinkSegments } from './segments.js';

/*
 * The communication thread of a rank, the only thread that calls MPI. It never blocks inside a call: it starts all
 * exchanges without waiting, then polls them. So it can report an error and end the job at any time.
 */

const data = workerData as ThreadData;
const words = new Int32Array(data.words);
const clock = new AwakeClock();
const send = (message: ThreadMessage): void => parentPort!.postMessage(message);

/** Bytes in which a rank describes itself. */
const DESCRIPTION_BYTES = 1024;
/** How long a rank that fails waits for the others to fail as well, in milliseconds. */
const TOGETHER_MS = 1500;
/** How long the main thread may take to end the program after a failure, in milliseconds. */
const MAIN_MS = 3000;
/** Milliseconds after which a rank that waits for one that is closing gives up. */
const CLOSING_MS = 3000;
/** How long MPI may take to end the job, in seconds. */
const ABORT_SECONDS = 5;
/** Pause before MPI is finalized, in milliseconds. */
const QUIET_MS = 200;
/** How long the thread polls without pauses, and then with short pauses, in milliseconds. */
const [SPIN_MS, SHORT_MS] = [0.3, 20];
const [SHORT_PAUSE, LONG_PAUSE] = [0.05, 0.5];

/** One thread's exchanges with the same thread of other ranks: one at a time, in order. */
class Queue {
  readonly #collectives: Collectives;
  readonly #done: (posted: Posted) => void;
  readonly #waiting: Posted[] = [];
  port: MessagePort | undefined;
  #running: { readonly posted: Posted; readonly steps: Steps; readonly since: number } | undefined;
  #pending: Pending | undefined;

  constructor(
    readonly ring: Ring,
    done: (posted: Posted) => void,
    /** Whether ranks compare their exchanges first. Those of devices are compared by plan. */
    readonly compared = false,
  ) {
    this.#collectives = new Collectives(ring);
    this.#done = done;
  }

  /** The exchange in progress, and when it began. */
  get current(): { readonly label: string; readonly since: number } | undefined {
    if (!this.#running) return undefined;
    const { posted, since } = this.#running;
    const { kind, label } = posted.exchange;
    return { label: kind === 'agree' ? 'the start of a computation' : label, since };
  }

  *#steps(posted: Posted): Steps {
    if (this.compared) yield* this.#collectives.compare(posted.exchange);
    yield* this.#collectives.perform(posted);
  }

  /** @returns whether an exchange has made progress */
  advance(): boolean {
    for (let got = this.port && receiveMessageOnPort(this.port); got; got = receiveMessageOnPort(this.port!))
      this.#waiting.push(got.message as Posted);
    let moved = false;
    for (;;) {
      if (!this.#running) {
        const posted = this.#waiting.shift();
        if (!posted) return moved;
        const steps = this.#steps(posted);
        this.#running = { posted, steps, since: clock.now };
      } else if (this.#pending !== undefined && !this.ring.mpi.test(this.#pending)) return moved;
      moved = true;
      const { value, done } = this.#running.steps.next();
      this.#pending = value ?? undefined;
      if (!done && this.#pending === undefined) return true;
      if (!done) continue;
      const { posted } = this.#running;
      this.#running = undefined;
      this.#done(posted);
    }
  }
}

/** Counts the time in which a lane has an exchange in progress. */
class ExchangeTime {
  #since: number | undefined;

  look(busy: boolean): void {
    const now = performance.now();
    // Rounded to microseconds, so not in too small portions.
    if (this.#since !== undefined && (!busy || now - this.#since > 1)) {
      Atomics.add(words, WORD.exchanged, Math.round((now - this.#since) * 1000));
      this.#since = undefined;
    }
    if (busy) this.#since ??= now;
  }
}

/** The state of the thread once it has joined the other ranks. */
interface Joined {
  readonly ring: Ring;
  /** Communicators of the lanes, of heartbeats, and of endings. */
  readonly lanes: readonly number[];
  readonly pulses: number;
  readonly endings: number;
  readonly processes: readonly RankProcess[];
  /** Segments of shared memory. */
  readonly segments: readonly string[];
  /** Referenced here while the library may read or write it: V8 does not know about the library and would free it. */
  readonly memory: readonly SharedArrayBuffer[];
}

/** Joins the other ranks. @throws UsageError if this rank finds none although the launcher started several */
function join(): Joined {
  const { launcher } = data;
  const mpi = Mpi.load(data.files, launcher);
  mpi.init();
  const { rank, size } = mpi;
  if ((launcher.size ?? size) !== size || (launcher.rank ?? rank) !== rank) {
    mpi.finalize();
    throw new UsageError({
      what: 'The launcher and the MPI library do not know each other: the ranks did not find each other',
      expected: `rank ${launcher.rank ?? '?'} of ${launcher.size ?? 'several'}, as the launcher says`,
      got: `rank ${rank} of ${size}, by ${mpi.version} (${mpi.file})`,
      next: 'start the program with the launcher of that library, or name the launcher’s library with PAPERWEIGHT_MPI',
    });
  }
  const [comm, pulses, endings] = [mpi.duplicate(), mpi.duplicate(), mpi.duplicate()];
  const lanes = Array.from({ length: LANES }, () => mpi.duplicate());
  const { processes, segments, memory } = introduce(mpi, comm, size);
  const nameOf = (one: number): string => `rank ${one} (${processes[one]?.host ?? 'unknown host'})`;
  return { ring: { mpi, comm, rank, size, nameOf }, lanes, pulses, endings, processes, segments, memory };
}

/**
 * Exchanges the descriptions of all ranks. Every rank sends to every other one, so that all segments of shared memory
 * are mapped.
 */
function introduce(mpi: Mpi, comm: number, size: number): Pick<Joined, 'processes' | 'segments' | 'memory'> {
  const [mine, all] = [
    new SharedArrayBuffer(DESCRIPTION_BYTES * size),
    new SharedArrayBuffer(DESCRIPTION_BYTES * size),
  ];
  const text = Buffer.from(JSON.stringify(data.self)).subarray(0, DESCRIPTION_BYTES);
  for (let rank = 0; rank < size; rank++) new Uint8Array(mine, rank * DESCRIPTION_BYTES).set(text);
  const pending = mpi.allToAll(addressOf(mine), DESCRIPTION_BYTES, addressOf(all), comm);
  while (!mpi.test(pending)) Atomics.wait(words, WORD.still, 0, SHORT_PAUSE);
  const processes = Array.from({ length: size }, (_, rank) => {
    const bytes = Buffer.from(new Uint8Array(all, rank * DESCRIPTION_BYTES, DESCRIPTION_BYTES));
    return JSON.parse(bytes.toString().replace(/\0+$/, '')) as RankProcess;
  });
  // After this second exchange, all ranks are known to have received the data of the first.
  const again = mpi.allToAll(addressOf(mine), 1, addressOf(all), comm);
  while (!mpi.test(again)) Atomics.wait(words, WORD.still, 0, SHORT_PAUSE);
  return { processes, segments: unlinkSegments(), memory: [mine, all] };
}

/** Ends the job, and this process at once, even if its other threads are blocked. */
function leaveAtOnce(mpi: Mpi, code: number): never {
  exitWithin(ABORT_SECONDS);
  mpi.abort(code);
  return exitNow(code);
}

/** CPU time of the main thread in milliseconds; undefined if the system does not report it. */
function mainCpuMs(): number | undefined {
  try {
    const stat = readFileSync(`/proc/self/task/${process.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return undefined;
  }
}

function work({ ring, lanes, pulses, endings, segments }: Joined): void {
  const { mpi, rank, size, nameOf } = ring;
  const self = `rank ${rank} of ${size} (${data.self.host})`;
  const main = new Queue(ring, () => data.lane.postMessage('done'), true);
  main.port = data.lane;
  const queues = lanes.map(
    (comm, lane) =>
      new Queue({ ...ring, comm }, () => {
        Atomics.add(words, WORD.done + lane, 1);
        Atomics.notify(words, WORD.done + lane);
      }),
  );
  const all = [main, ...queues];
  /** The exchange that has been in progress the longest. */
  const oldest = () =>
    all
      .flatMap(({ current }) => current ?? [])
      .reduce((a, b) => (a && a.since <= b.since ? a : b), undefined as Queue['current']);
  const pulse = new Pulse({ ...ring, comm: pulses }, data.limits.silence, clock.now);
  const watch = new MainWatch();
  const ends = new Int32Array(new SharedArrayBuffer(8 * (size + 1)));
  let ending: { pending: Pending; code: number; since: number } | undefined;
  let failed: { at: number; text: string } | undefined;
  /** Another rank does not answer, so the ranks cannot agree on an end. */
  let lost = false;
  let finish: Extract<Order, { kind: 'finish' }> | undefined;

  const fail = (text: string): void => {
    if (failed) return;
    failed = { at: clock.now, text };
    writeFailure(data, text);
    send({ kind: 'failed', text });
  };

  const obey = (order: Order): void => {
    if (order.kind === 'lane') queues[order.lane]!.port = order.port;
    else if (order.kind === 'finish') finish = order;
    else {
      ends.set([order.code, order.digest]);
      if (order.code === 0) pulse.close();
      const address = addressOf(ends.buffer as SharedArrayBuffer);
      const pending = mpi.allGather(address, 8, address + 8, endings);
      ending = { pending, code: order.code, since: clock.now };
    }
  };

  const end = (): void => {
    if (!ending) return;
    if (mpi.test(ending.pending)) {
      const found: Ending[] = Array.from({ length: size }, (_, i) => ({
        code: ends[2 * i + 2]!,
        digest: ends[2 * i + 3]!,
      }));
      ending = undefined;
      send({ kind: 'ended', all: found });
    } else if ((ending.code !== 0 || failed) && (lost || clock.now - ending.since > TOGETHER_MS)) {
      ending = undefined;
      send({ kind: 'ended', all: undefined });
    }
  };

  /** Looks for a failure of this rank or another one. */
  const look = (): void => {
    clock.tick();
    const { now } = clock;
    const current = oldest();
    const waiting = current ? now - current.since : 0;
    const silent = pulse.beat(now, waiting);
    const seconds = (ms: number) => `${Math.round(ms / 1000)} s`;
    if (silent) {
      lost = true;
      fail(
        `${nameOf(silent.rank)} has not answered ${nameOf(rank)} for ${seconds(silent.silent)}${current ? `, which waits for ${current.label}` : ''}: it was stopped, or is cut off. The job ends; resume it from its last checkpoint.`,
      );
    } else if (pulse.closing !== undefined && waiting > CLOSING_MS)
      fail(
        `${nameOf(pulse.closing)} has ended its program, while ${nameOf(rank)} waits for it in ${current!.label}. Next: let every rank compute the same number of steps.`,
      );
    else if (waiting > data.limits.waiting)
      fail(
        `${nameOf(rank)} has waited ${seconds(waiting)} for the other ranks in ${current!.label}. Next: look at what the others do; PAPERWEIGHT_WAIT_SECONDS sets another limit.`,
      );
    const hung = watch.look(Atomics.load(words, WORD.alive), now, mainCpuMs(), data.limits.silence);
    // While no other rank waits, it may be preparing a large model, as the others do.
    if (hung !== undefined && pulse.othersWait > data.limits.silence / 2) {
      printNow(
        `error: ${self}: its main thread has not answered for ${seconds(hung)}. The job ends; resume it from its last checkpoint.`,
      );
      leaveAtOnce(mpi, 70);
    }
    if (failed && now - failed.at > MAIN_MS + (ending ? TOGETHER_MS : 0)) {
      printNow(`error: ${self}: ${failed.text}`);
      leaveAtOnce(mpi, 70);
    }
  };

  const exchanging = new ExchangeTime();
  let looked = 0;
  let quiet = performance.now();
  for (;;) {
    const seen = Atomics.load(words, WORD.posted);
    const code = Atomics.load(words, WORD.abort);
    if (code !== 0) {
      printNow(`error: ${self} ended with exit code ${code - 1} before the others.`);
      leaveAtOnce(mpi, code - 1 || 1);
    }
    for (let got = receiveMessageOnPort(data.orders); got; got = receiveMessageOnPort(data.orders))
      obey(got.message as Order);
    if (finish?.how === 'abort') leaveAtOnce(mpi, finish.code);
    if (finish) break;
    let moved = false;
    try {
      if (!failed) for (const queue of all) moved = queue.advance() || moved;
      end();
      exchanging.look(queues.some(({ current }) => current !== undefined));
      if (performance.now() - looked > PULSE_MS / 2) {
        looked = performance.now();
        look();
      }
    } catch (error) {
      fail((error as Error).message);
    }
    if (moved) {
      quiet = performance.now();
      continue;
    }
    if (!oldest() && !ending) Atomics.wait(words, WORD.posted, seen, PULSE_MS / 2);
    else {
      const since = performance.now() - quiet;
      if (since > SPIN_MS) Atomics.wait(words, WORD.still, 0, since < SHORT_MS ? SHORT_PAUSE : LONG_PAUSE);
    }
  }
  for (const _ of pulse.end()) Atomics.wait(words, WORD.still, 0, LONG_PAUSE);
  replaceOwn(segments, rank);
  // MPICH over UCX's TCP finalizes in two parts: each rank flushes its connections, which the other side has to answer,
  // and then waits for all ranks without answering any more. A rank that still polls in this loop answers one that has
  // begun to finalize, which then no longer answers it: both wait forever. After a pause in which nobody polls, all
  // answers come from ranks that have already flushed.
  Atomics.wait(words, WORD.still, 0, QUIET_MS);
  mpi.finalize();
  send({ kind: 'finished' });
}

try {
  const joined = join();
  const { ring, processes } = joined;
  const { mpi, rank, size } = ring;
  send({ kind: 'ready', rank, size, library: mpi.version, abi: mpi.abi, file: mpi.file, processes });
  work(joined);
} catch (error) {
  send({ kind: 'refused', error: errorToPlain(error) });
}
