import { z } from 'zod';
import { MACHINE_FILE } from '../../run/machine-log.js';
import type { MachineFigures } from '../api.js';
import { lastLines, parseJson } from './tail.js';

/** Bytes that are read, from the end: more than a day. */
const BYTES = 2 ** 22;
const POINTS = 300;
const NAMES = [
  'cpu',
  'processCpu',
  'memory',
  'rssMiB',
  'diskRead',
  'diskWrite',
  'netIn',
  'netOut',
  'gpu',
  'gpuMiB',
] as const satisfies readonly (keyof MachineFigures['values'])[];

const number = z.number().optional();
const lineSchema = z.object({
  time: z.number().positive(),
  ...(Object.fromEntries(NAMES.map((name) => [name, number])) as Record<
    (typeof NAMES)[number],
    typeof number
  >),
});

/** Figures of a run's machine over time, as means of neighbouring lines. */
export async function machineFigures(folder: string): Promise<MachineFigures> {
  const lines = (await lastLines(folder, MACHINE_FILE, BYTES)).flatMap(
    (line) => lineSchema.safeParse(parseJson(line)).data ?? [],
  );
  const count = Math.min(POINTS, lines.length);
  const buckets = Array.from({ length: count }, (_, i) =>
    lines.slice(Math.floor((i * lines.length) / count), Math.floor(((i + 1) * lines.length) / count)),
  );
  const mean = (numbers: readonly (number | undefined)[]): number | null => {
    const known = numbers.filter((value) => value !== undefined);
    return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
  };
  const present = NAMES.filter((name) => lines.some((line) => line[name] !== undefined));
  return {
    time: buckets.map((bucket) => bucket.at(-1)!.time / 1000),
    values: Object.fromEntries(
      present.map((name) => [name, buckets.map((bucket) => mean(bucket.map((line) => line[name])))]),
    ),
  };
}
