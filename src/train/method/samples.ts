import { imageBytes } from '../../data/images/image-bytes.js';
import { shown } from '../../errors/arguments.js';
import { ShapeError, UsageError } from '../../errors/errors.js';
import { showShape } from '../../graph/types.js';
import type { Module } from '../../nn/module.js';
import type { SampleImage } from '../../run/events.js';
import { saveSamples } from '../../run/sample-files.js';
import { randomState, setRandomState } from '../../tensor/random.js';
import { Tensor } from '../../tensor/tensor.js';
import { sampleDraws } from './context.js';
import type { Method } from './method.js';
import { checkRecord } from './updates.js';

/** Maximum number of images kept of one set; of more, which an option of a network can give, the first ones are. */
const MOST = 400;

export interface SamplerParts {
  readonly model: Module;
  /** Folder of the run. */
  readonly run: string;
  readonly seed: number;
  readonly samples: NonNullable<Method['samples']>;
  /** Receives messages for the user. */
  readonly note: (text: string) => void;
  /** Names of the sets whose values outside of 0 to 1 have been reported. */
  readonly reported: Set<string>;
}

/** Describes the images once, without computing or saving them, so that a wrong shape shows before the first epoch. */
export async function rehearseSamples({
  model,
  seed,
  samples,
}: Pick<SamplerParts, 'model' | 'seed' | 'samples'>): Promise<void> {
  const random = randomState();
  const wasTraining = model.training;
  model.eval();
  try {
    const named = setsIn(await samples({ ...sampleDraws(seed), step: 0 }));
    for (const [name, images] of Object.entries(named)) checkImages(name, images);
  } finally {
    model.train(wasTraining);
    setRandomState(random);
  }
}

/**
 * Makes images with a generative model and saves them. The random values are the same each time, and the state of the run
 * does not change.
 */
export async function recordSamples(
  { model, run, seed, samples, note, reported }: SamplerParts,
  step: number,
): Promise<SampleImage> {
  const random = randomState();
  const wasTraining = model.training;
  model.eval();
  try {
    const named = setsIn(await samples({ ...sampleDraws(seed), step }));
    const sets = new Map<string, { shape: readonly number[]; data: Uint8Array }>();
    for (const [name, images] of Object.entries(named)) {
      const { shape, data, outside } = await bytesOf(name, images, note);
      sets.set(name, { shape, data });
      if (outside !== undefined && !reported.has(name)) note(cutOff(name, outside));
      if (outside !== undefined) reported.add(name);
    }
    return await saveSamples(run, { step, sets });
  } finally {
    model.train(wasTraining);
    setRandomState(random);
  }
}

/** Sets of images by name. @throws UsageError for anything else */
function setsIn(made: unknown): Readonly<Record<string, unknown>> {
  if (made instanceof Tensor) return { samples: made };
  const expected = 'images [N, 1 or 3, H, W], or at least one such set by name';
  checkRecord('samples() returned no images', made, expected);
  if (Object.keys(made as object).length === 0)
    throw new UsageError({ what: 'samples() returned no images', expected, got: 'none' });
  return made as Readonly<Record<string, unknown>>;
}

const cutOff = (name: string, outside: string): string =>
  `samples() gave ${name} with values from ${outside} of 0 to 1, where they are cut off. Scale them there: images.add(1).div(2) if they are meant to be from −1 to 1, x.sub(x.min()).div(x.max().sub(x.min())) for the range that they have.`;

/** @throws UsageError or ShapeError for anything but images under a name */
function checkImages(name: string, images: unknown): asserts images is Tensor {
  if (!/^[A-Za-z][\w -]{0,59}$/.test(name))
    throw new UsageError({
      what: 'samples() got a bad name',
      expected: 'a letter first, then letters, digits, spaces and hyphens; 60 characters at most',
      got: shown(name),
    });
  const expected = 'a tensor [N, 1 or 3, H, W] with at least one image';
  if (!(images instanceof Tensor))
    throw new UsageError({ what: `samples() gave bad images ${name}`, expected, got: shown(images) });
  const { shape } = images;
  const [count = 0, channels = 0] = shape;
  if (shape.length !== 4 || count < 1 || (channels !== 1 && channels !== 3))
    throw new ShapeError({ what: `samples() gave bad images ${name}`, expected, got: showShape(shape) });
}

async function bytesOf(name: string, images: unknown, note: SamplerParts['note']) {
  checkImages(name, images);
  const kept = images.shape[0]! > MOST ? images.narrow(0, 0, MOST) : images;
  const values = await kept.data();
  const lost = Array.from(values).filter(Number.isNaN).length;
  if (lost > 0)
    note(`samples() gave NaN in ${lost} of ${values.length} values of ${name}, which are drawn black.`);
  return { shape: kept.shape, ...imageBytes(values) };
}
