import { dtypeOf, makeArray, type TypedArray } from '../../graph/types.js';
import type { Request } from '../executor.js';
import { LARGE, Staging } from './staging.js';

/** A request to run a plan. */
export type Run = Extract<Request, { readonly feeds: unknown }>;

/** A run as it is sent to a thread: without what the thread knows from earlier runs of the plan. */
export interface RunMessage extends Omit<Run, 'feeds' | 'storages'> {
  /** Left out if they are those of the plan's last run. */
  readonly storages?: readonly number[];
  /** Number of the shared memory that holds the small feeds, if there is one. */
  readonly room?: number;
  /** The arrays in a new room. */
  readonly parts?: Parts;
  /** The feeds that are not in the room, in order. */
  readonly others: readonly TypedArray[];
}

/** An array in shared memory for each small feed of a run, and undefined for each large one. */
type Parts = readonly (TypedArray | undefined)[];

interface Room {
  readonly number: number;
  readonly parts: Parts;
  free: boolean;
}

/** Number of rooms of a plan: one is filled while another is read. */
const ROOMS = 2;

/**
 * Makes the messages of runs. Small feeds, such as learning rates and labels, are copied into memory that the plan shares with
 * the thread: an array in a message costs far more than its values.
 */
export class RunSender {
  readonly #staging = new Staging();
  readonly #plans = new Map<number, { storages: readonly number[] | undefined; readonly rooms: Room[] }>();

  /** The message of a run. Call `release` when the thread has read the feeds. */
  message({ feeds, storages, ...run }: Run): { readonly message: RunMessage; release(): void } {
    const known = this.#plans.get(run.plan) ?? { storages: undefined, rooms: [] };
    this.#plans.set(run.plan, known);
    const { room, isNew } = roomFor(known.rooms, feeds);
    const { staged, release } = this.#staging.stage(room ? feeds.filter((_, i) => !room.parts[i]) : feeds);
    const message: RunMessage = {
      ...run,
      ...(sameIds(known.storages, storages) ? {} : { storages }),
      ...(room ? { room: room.number } : {}),
      ...(isNew ? { parts: room!.parts } : {}),
      others: staged,
    };
    // A copy, since the array is the caller's.
    if (message.storages) known.storages = [...storages];
    return {
      message,
      release: () => {
        release();
        if (room) room.free = true;
      },
    };
  }

  forget(plan: number): void {
    this.#plans.delete(plan);
  }
}

/** Makes runs of their messages, in the thread. */
export class RunReader {
  readonly #plans = new Map<number, { storages: readonly number[]; readonly rooms: Parts[] }>();

  run({ storages, room, parts, others, ...run }: RunMessage): Run {
    const known = this.#plans.get(run.plan) ?? { storages: [], rooms: [] };
    this.#plans.set(run.plan, known);
    if (storages) known.storages = storages;
    if (parts) known.rooms[room!] = parts;
    let next = 0;
    const feeds = room === undefined ? others : known.rooms[room]!.map((part) => part ?? others[next++]!);
    return { ...run, feeds, storages: known.storages };
  }

  forget(plan: number): void {
    this.#plans.delete(plan);
  }
}

/** A room that holds copies of the small feeds; nothing without small feeds, or if all rooms are in use. */
function roomFor(rooms: Room[], feeds: readonly TypedArray[]): { room?: Room; isNew?: boolean } {
  const free = rooms.find((room) => room.free);
  const number = free?.number ?? rooms.length;
  if (number >= ROOMS || !feeds.some(isSmall)) return {};
  const isNew = !free || !holds(free.parts, feeds);
  const room = isNew ? { number, parts: partsFor(feeds), free: false } : free;
  for (let i = 0; i < feeds.length; i++) room.parts[i]?.set(feeds[i] as never);
  room.free = false;
  rooms[number] = room;
  return { room, isNew };
}

const isSmall = (feed: TypedArray): boolean => feed.byteLength < LARGE;

function partsFor(feeds: readonly TypedArray[]): Parts {
  // Each begins at a multiple of 8 bytes, the size of the largest elements.
  const room = (feed: TypedArray): number => (isSmall(feed) ? Math.ceil(feed.byteLength / 8) * 8 : 0);
  const memory = new SharedArrayBuffer(feeds.reduce((sum, feed) => sum + room(feed), 0));
  let end = 0;
  return feeds.map((feed) => {
    const start = end;
    end += room(feed);
    return isSmall(feed) ? makeArray(dtypeOf(feed), memory, start, feed.length) : undefined;
  });
}

/** Whether a room is for feeds of these types and lengths. */
const holds = (parts: Parts, feeds: readonly TypedArray[]): boolean =>
  parts.length === feeds.length &&
  feeds.every((feed, i) => {
    const part = parts[i];
    return part ? part.length === feed.length && part.constructor === feed.constructor : !isSmall(feed);
  });

const sameIds = (a: readonly number[] | undefined, b: readonly number[]): boolean =>
  a !== undefined && a.length === b.length && a.every((id, i) => id === b[i]);
