import { z } from 'zod';
import { metricsSchema } from '../../run/event-lines.js';
import type { EpochEvent, StepEvent } from '../../run/events.js';
import type { RunEvent } from '../api.js';
import { type EventText, eventOf, NO_EVENTS, withId } from '../http/event-stream.js';
import { FIELDS, readStepLine } from './step-line.js';

/**
 * What a line of the metrics is. `gap`: a step that was left out, or one of whose numbers is not finite. `other`:
 * something that is not known, or not whole.
 */
export type LineKind = 'step' | 'gap' | 'epoch' | 'done' | 'other';

export interface Line {
  readonly kind: LineKind;
  /** The line lies at `bytes[start … next − 2]`, its newline at `next − 1`. */
  readonly start: number;
  readonly next: number;
  /** Present for an epoch, and for a step that is not in the usual form. */
  readonly event: StepEvent | EpochEvent | undefined;
}

/** The numbers of the step or gap that was visited last, in the order of FIELDS; NaN for what a gap has not. */
export const stepValues = new Float64Array(FIELDS.length);
const [EPOCH, STEP] = [0, 1];
const count = z.number().int().min(0).max(0xffff_ffff);
const isCount = (value: number): boolean => value === value >>> 0;

/** Numbers in the order of FIELDS as an event. */
export function stepEvent(values: Float64Array): StepEvent {
  const numbers = Object.fromEntries(FIELDS.map((field, i) => [field, values[i]!]));
  return { event: 'step', ...numbers } as unknown as StepEvent;
}

/**
 * Visits the complete lines of a piece of metrics.jsonl.
 *
 * @param visit returns false to end here, before the line
 * @returns the position after the last line that was visited
 */
export function scanLines(bytes: Buffer, visit: (line: Line) => boolean | undefined, from = 0): number {
  for (let start = from; start < bytes.length; ) {
    let next = readStepLine(bytes, start, stepValues);
    let [kind, event]: [LineKind, Line['event']] = ['step', undefined];
    if (next < 0 || !isCount(stepValues[EPOCH]!) || !isCount(stepValues[STEP]!)) {
      const newline = bytes.indexOf(0x0a, start);
      if (newline < 0) return start;
      next = newline + 1;
      [kind, event] = parse(bytes.toString('utf8', start, newline));
    }
    if (visit({ kind, start, next, event }) === false) return start;
    start = next;
  }
  return bytes.length;
}

function parse(text: string): [LineKind, Line['event']] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return ['other', undefined];
  }
  const { data } = metricsSchema.safeParse(value);
  if (!data || data.event === 'skip') return [readGap(value) ? 'gap' : 'other', undefined];
  if (data.event === 'done') return ['done', undefined];
  // The log has told of it.
  if (data.event === 'rollback') return ['other', undefined];
  if (data.event === 'step') for (const [i, field] of FIELDS.entries()) stepValues[i] = data[field];
  return [data.event, data];
}

/** Where in the run a step was that has no loss. */
const gapSchema = z.looseObject({ event: z.enum(['step', 'skip']), epoch: count, step: count });

/** Sets the values of a gap, which stay NaN where the line has no finite number. */
function readGap(value: unknown): boolean {
  const { data } = gapSchema.safeParse(value);
  if (!data) return false;
  for (const [i, field] of FIELDS.entries()) {
    const number: unknown = data[field];
    stepValues[i] = typeof number === 'number' && Number.isFinite(number) ? number : Number.NaN;
  }
  return true;
}

/** FNV-1a, 32 bits, of some bytes. */
export function hashOf(bytes: Uint8Array, start: number, end: number): string {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

/**
 * A line as a server-sent event; empty for one that clients do not get.
 *
 * @param number of the line in the file, from 1
 */
export function eventText(
  bytes: Buffer,
  { kind, start, next, event }: Line,
  number: number,
): EventText<RunEvent> {
  if (kind !== 'step' && kind !== 'gap' && kind !== 'epoch') return NO_EVENTS;
  const id = `${number}-${hashOf(bytes, start, next - 1)}`;
  if (kind === 'gap') return withId(id, eventOf<RunEvent>({ event: 'gap', step: stepValues[STEP]! }));
  // A step in the usual form is ASCII without a carriage return, so it can be passed on as it is.
  const data = event ? JSON.stringify(event) : bytes.toString('latin1', start, next - 1);
  return withId(id, `event: ${kind}\ndata: ${data}\n\n` as EventText<RunEvent>);
}
