import { resultsOf } from '../claims/claim.js';
import type { Variant } from '../claims/job.js';
import type { Result, Results } from '../claims/result.js';
import { partsOf } from '../paper.js';
import type { Positions } from './model.js';
import { distanceName } from './observe.js';
import { recipes } from './recipe.js';

export const EPOCHS = 15;
export const SEEDS = [0];
/** Side of a patch in pixels: 16 patches in an image, a quarter of the small preset's. */
export const PATCH = 8;
export const LAYERS = 4;
export const HEADS = 4;
/** Test images that are measured. */
export const TESTED = 500;

function variant(id: string, recipe: keyof typeof recipes, positions?: Positions): Variant {
  const { model, training } = partsOf(recipes[recipe]);
  const options = { patch: PATCH, ...(positions ? { positions } : {}) };
  return {
    id,
    dataset: 'cifar10-part',
    model: { ...model, ...(recipe === 'residual' ? {} : { options }) },
    training: { ...training, epochs: EPOCHS, evalLimit: TESTED },
    seconds: 6 * EPOCHS,
  };
}

export const transformer = variant('small', 'small');
export const withoutPositions = variant('small-no-positions', 'small', 'none');
export const twoDirections = variant('small-2d-positions', 'small', '2d');
export const residual = variant('residual', 'residual');

/** The distances in pixels of the heads of a layer, counted from 1, after the last epoch. */
export const distancesOf = ({ epochs }: Pick<Result, 'epochs'>, layer: number): number[] =>
  Array.from(
    { length: HEADS },
    (_, h) => epochs.at(-1)?.testMetrics?.[distanceName(layer, h + 1)] ?? Number.NaN,
  );

/** Attention distance of a head that attends to all patches alike, in pixels: the mean distance of two patches. */
export const EVERYWHERE = meanDistance(32 / PATCH, PATCH);

/** Mean distance of two patches of an image of `side` × `side`, each of `patch` pixels, to two digits. */
function meanDistance(side: number, patch: number): number {
  const places = Array.from({ length: side ** 2 }, (_, i) => [Math.floor(i / side), i % side] as const);
  const sum = places
    .flatMap(([a, b]) => places.map(([c, d]) => patch * Math.hypot(a - c, b - d)))
    .reduce((all, one) => all + one);
  return Number((sum / places.length ** 2).toFixed(2));
}

export const observed = (results: Results): Result[] => resultsOf(results, transformer, SEEDS);
