import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { placesIn, sameClasses, showClasses } from '../../data/class-order.js';
import { classCount, counted } from '../../errors/counted.js';
import { CheckpointError } from '../../errors/errors.js';
import { sizeOf } from '../../graph/types.js';
import type { Weight, Weights } from '../../interop/weights.js';
import { trainConfigSchema } from '../../run/config.js';
import { RunFolder } from '../../run/run-folder.js';
import { configIn } from '../recognise.js';

export interface StartingWeights {
  readonly file: string;
  /** Whether tensors that do not fit keep their initial values. */
  readonly partial: boolean;
  /** Keyed by the model's tensor names. */
  readonly weights: ReadonlyMap<string, Weight>;
  readonly metadata: Weights['metadata'];
}

/**
 * Fits the weights of a last layer to a model with other classes, or the same in another order: rows are matched by
 * class name.
 *
 * @param axes the axis of the classes in each tensor of the last layer: see `classAxes`
 * @param classes of the model
 * @returns all weights, and messages for the user
 * @throws CheckpointError with both lists if the file lacks a class, unless the start may be partial: the last layer
 *   then keeps its initial values
 */
export async function headByName(
  { file, partial, weights, metadata }: StartingWeights,
  axes: ReadonlyMap<string, number>,
  classes: readonly string[],
): Promise<{ readonly weights: ReadonlyMap<string, Weight>; readonly notes: readonly string[] }> {
  const names = [...axes.keys()].filter((name) => weights.has(name));
  const counts = names.map((name) => weights.get(name)!.shape[axes.get(name)!]);
  const rows = counts.every((count) => count === counts[0]) ? counts[0] : undefined;
  if (rows === undefined) return { weights, notes: [] };
  const theirs = configIn(metadata)?.classes ?? (await classesOfRun(file));
  if (theirs?.length !== rows)
    return {
      weights,
      notes: [
        `${file} does not name its classes; ${
          rows === classes.length
            ? `its last layer is assumed to have these, in this order: ${showClasses(classes)}`
            : `its last layer of ${classCount(rows)} cannot be matched to the ${classes.length} of this model, and is not used`
        }`,
      ],
    };
  if (sameClasses(theirs, classes)) return { weights, notes: [] };
  const places = placesIn(classes, theirs);
  if (!places.includes(-1)) {
    const mapped = new Map(weights);
    for (const name of names) mapped.set(name, picked(weights.get(name)!, axes.get(name)!, places));
    const notes = [`Rows of the last layer were matched by class name: ${showClasses(classes)}.`];
    return { weights: mapped, notes };
  }
  const unknown = classes.filter((_, i) => places[i] === -1);
  if (!partial)
    throw new CheckpointError({
      what: `${file} does not have the classes ${showClasses(unknown)}`,
      expected: `classes among: ${showClasses(theirs)}`,
      got: showClasses(classes),
      next: 'add --partial to start with a new last layer, or use the class names of the file',
    });
  // A last layer of another size is skipped and reported like any other tensor that does not fit.
  if (rows !== classes.length) return { weights, notes: [] };
  const rest = new Map(weights);
  for (const name of names) rest.delete(name);
  return {
    weights: rest,
    notes: [
      `The last layer of ${file} has other classes (${showClasses(theirs)}) than this model (${showClasses(classes)}).`,
    ],
  };
}

/**
 * A message for a network with a fixed number of outputs and a data set of fewer classes: its first outputs are taken for
 * them, in their order.
 *
 * @param outputs number of the network's outputs
 */
export function fixedHeadNotes(
  { file, metadata }: Pick<StartingWeights, 'file' | 'metadata'>,
  outputs: number,
  classes: readonly string[],
): string[] {
  const theirs = configIn(metadata)?.classes ?? [];
  if (outputs <= classes.length || sameClasses(theirs.slice(0, classes.length), classes)) return [];
  return [
    `The network of ${file} has ${counted(outputs, 'output')} for any data; the first ${classes.length} are assumed to be these classes, in this order: ${showClasses(classes)}`,
  ];
}

/** Entries of one axis, in the order of `places`. */
function picked({ shape, data }: Weight, axis: number, places: Int32Array): Weight {
  const [before, after] = [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis + 1))];
  const found = data.slice(0, before * places.length * after);
  for (let i = 0; i < before; i++)
    for (const [j, place] of places.entries()) {
      const from = (i * shape[axis]! + place) * after;
      found.set(data.subarray(from, from + after), (i * places.length + j) * after);
    }
  return { shape: shape.with(axis, places.length), data: found };
}

/** The classes of the run, for a file in a run's `checkpoints` folder. */
async function classesOfRun(file: string): Promise<readonly string[] | undefined> {
  const run = dirname(dirname(file));
  if (basename(dirname(file)) !== 'checkpoints' || !existsSync(join(run, 'config.json'))) return undefined;
  return (await RunFolder.open(run).config(trainConfigSchema)).model.classes;
}
