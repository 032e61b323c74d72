import { realpath } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import sharp from 'sharp';
import { DataError } from '../../errors/errors.js';
import { printable } from '../../errors/printable.js';
import type { LoggedRun, LoggedScalar } from '../../report/logged.js';
import { readableSamples, sampleSteps } from '../../run/sample-files.js';
import { EventFiles } from '../metrics/event-files.js';
import type { NamedColumns } from '../metrics/named-columns.js';
import type { ScalarSource } from '../metrics/scalars.js';
import { histogramsOf } from './logged-histograms.js';
import { openScalars, ownKind } from './own-runs.js';

/** Maximum number of points of a curve: a page has no more pixels. */
const MOST_POINTS = 600;
const LAST_STEP = 0xffff_fffe;
/** Larger images are scaled down; those with more pixels are left out. */
const IMAGE_SIDE = 844;
const MOST_PIXELS = 40e6;

/**
 * Everything in the files of a run that a program logged itself, with `Logger` or as TensorBoard's event files.
 *
 * @returns undefined for any other folder
 * @throws DataError if its event files are something else, CheckpointError if its images are damaged
 */
export async function collectLogged(
  path: string,
  tell: (problem: string) => void = () => undefined,
): Promise<LoggedRun | undefined> {
  const folder = await realpath(path).catch(() => undefined);
  const own = folder === undefined ? undefined : await ownKind(folder);
  if (folder === undefined || !own) return undefined;
  const scalars = await openScalars(folder);
  await scalars.follow();
  if (scalars.unreadable !== undefined)
    throw new DataError({
      what: `${path} cannot be read`,
      expected: 'event files of TensorBoard',
      got: `${printable(scalars.unreadable)}, which is something else`,
      next: 'choose another folder, or remove this file from it',
    });
  const { columns, lastStep } = scalars;
  const config = own.kind === 'program' ? own.config : undefined;
  return {
    name: basename(resolve(path)),
    ...(config ? { program: printable(config.program) } : {}),
    steps: lastStep,
    settings: config?.settings ?? scalars.settings ?? {},
    machine: config?.machine ?? {},
    scalars: columns.names.map((name) => scalarOf(columns, name)),
    histograms: lastOfEach(await histogramsOf(folder, scalars)),
    images: await imagesOf(folder, scalars, tell),
  };
}

function scalarOf(columns: NamedColumns, name: string): LoggedScalar {
  const { step, mean, gaps = [] } = columns.curve(name, 0, LAST_STEP, MOST_POINTS)!;
  const range = columns.curve(name, 0, LAST_STEP, 1)!;
  const [least, most] = [range.min[0] ?? undefined, range.max[0] ?? undefined];
  const last = columns.last(name) ?? mean.findLast((value) => value !== null) ?? undefined;
  return {
    name,
    points: step.map((at, i) => ({ step: at, value: mean[i] ?? Number.NaN })),
    gaps,
    ...(least === undefined || most === undefined || last === undefined
      ? {}
      : { range: { last, least, most } }),
  };
}

function lastOfEach<T extends { readonly name: string; readonly step: number }>(all: readonly T[]): T[] {
  const last = new Map<string, T>();
  for (const each of all) if (each.step >= (last.get(each.name)?.step ?? 0)) last.set(each.name, each);
  return [...last.values()];
}

async function imagesOf(
  folder: string,
  scalars: ScalarSource,
  tell: (problem: string) => void,
): Promise<LoggedRun['images']> {
  if (scalars instanceof EventFiles) {
    const decoded = lastOfEach(scalars.images).map(async ({ name, step, bytes }) => {
      const set = await pixelsOf(bytes);
      return set ? [{ name, step, set }] : [];
    });
    return (await Promise.all(decoded)).flat();
  }
  const found = new Map<string, LoggedRun['images'][number]>();
  for (const step of (await sampleSteps(folder)).reverse())
    for (const [name, set] of (await readableSamples(folder, step, tell))?.sets ?? [])
      if (!found.has(name)) found.set(name, { name, step, set });
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** An image file as uint8 [1, 3, height, width]; undefined if it cannot be decoded. */
async function pixelsOf(bytes: Uint8Array) {
  const decoded = await sharp(bytes, { limitInputPixels: MOST_PIXELS })
    .resize(IMAGE_SIDE, IMAGE_SIDE, { fit: 'inside', withoutEnlargement: true })
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch(() => undefined);
  if (!decoded) return undefined;
  const { width, height, channels } = decoded.info;
  const plane = width * height;
  const data = new Uint8Array(3 * plane);
  for (let c = 0; c < 3; c++)
    for (let i = 0; i < plane; i++)
      data[c * plane + i] = decoded.data[i * channels + (channels >= 3 ? c : 0)]!;
  return { shape: [1, 3, height, width], data };
}
