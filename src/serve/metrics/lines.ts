import { z } from 'zod';
import { metricsSchema } from '../../run/event-lines.js';
import type { EpochEvent, StepEvent } from '../../run/events.js';
import type { RunEvent } from '../api.js';
import { type EventText, eventOf, NO_EVENTS, withId } from '../http/event-stream.js';
import { FIELDS, readStepLine } from './step-line.js';

/**
 * Kind of a line of metrics. `gap`: a skipped step, or a step with NaN or infinity. `other`: an unknown or incomplete
 * line.
 */
export type LineKind = 'step' | 'gap' | 'epoch' | 'done' | 'other';

export interface Line {
  readonly kind: LineKind;
  /** The line is `bytes[start … next − 2]`, its newline is at `next − 1`. */
  readonly start: number;
  readonly next: number;
  /** Present for epochs, and for steps that are not in the usual form. */
  readonly event: StepEvent | EpochEvent | undefined;
}

/** Values of the last visited step or gap, in the order of FIELDS; NaN for values missing in a gap. */
export const stepValues = new Float64Array(FIELDS.length);
const [EPOCH, STEP] = [0, 1];
const count = z.number().int().min(0).max(0xffff_ffff);
const isUint32 = (value: number): boolean => value === value >>> 0;

/** Converts values in the order of FIELDS to an event. */
export function stepEvent(values: Float64Array): StepEvent {
  const numbers = Object.fromEntries(FIELDS.map((field, i) => [field, values[i]!]));
  return { event: 'step', ...numbers } as unknown as StepEvent;
}

/**
 * Visits the complete lines in a piece of metrics.jsonl.
 *
 * @param visit returns false to stop before the line
 * @returns the position after the last visited line
 */
export function scanLines(bytes: Buffer, visit: (line: Line) => boolean | undefined, from = 0): number {
  for (let start = from; start < bytes.length; ) {
    let next = readStepLine(bytes, start, stepValues);
    let [kind, event]: [LineKind, Line['event']] = ['step', undefined];
    if (next < 0 || !isUint32(stepValues[EPOCH]!) || !isUint32(stepValues[STEP]!)) {
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
  // The log already reports it.
  if (data.event === 'rollback') return ['other', undefined];
  if (data.event === 'step') for (const [i, field] of FIELDS.entries()) stepValues[i] = data[field];
  return [data.event, data];
}

/** Position in the run of a step without a loss. */
const gapSchema = z.looseObject({ event: z.enum(['step', 'skip']), epoch: count, step: count });

/** Sets the values of a gap; values that are missing, NaN or infinite become NaN. */
function readGap(value: unknown): boolean {
  const { data } = gapSchema.safeParse(value);
  if (!data) return false;
  for (const [i, field] of FIELDS.entries()) {
    const number: unknown = data[field];
    stepValues[i] = typeof number === 'number' && Number.isFinite(number) ? number : Number.NaN;
  }
  return true;
}

/** 32-bit FNV-1a hash of a range of bytes. */
export function hashOf(bytes: Uint8Array, start: number, end: number): string {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

/**
 * A line as a server-sent event; empty for lines that clients do not get.
 *
 * @param number line number in the file, from 1
 */
export function eventText(
  bytes: Buffer,
  { kind, start, next, event }: Line,
  number: number,
): EventText<RunEvent> {
  if (kind !== 'step' && kind !== 'gap' && kind !== 'epoch') return NO_EVENTS;
  const id = `${number}-${hashOf(bytes, start, next - 1)}`;
  if (kind === 'gap') return withId(id, eventOf<RunEvent>({ event: 'gap', step: stepValues[STEP]! }));
  // A step in the usual form is ASCII without a carriage return, so it is passed on unchanged.
  const data = event ? JSON.stringify(event) : bytes.toString('latin1', start, next - 1);
  return withId(id, `event: ${kind}\ndata: ${data}\n\n` as EventText<RunEvent>);
}
