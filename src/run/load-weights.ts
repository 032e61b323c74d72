import { UsageError } from '../errors/errors.js';
import { findPart, partOf, WHOLE } from '../interop/prefixes.js';
import { readWeights } from '../interop/weights.js';
import { type LoadOptions, type LoadReport, Module } from '../nn/module.js';
import { inFile } from './checkpoint.js';

/** Of a partial load: the share of the model's names that a part of the file must have. */
const ENOUGH = 0.5;

/**
 * Reads a file of weights into a model: what {@link saveWeights} wrote, or PyTorch. What stands before all names
 * (`module.`, `model.`) is taken off, and what lies beside the model's tensors (a counter, a metric) is passed over.
 *
 * @param options see {@link Module.loadStateDict}: `strict: false` takes what is there
 * @returns what was missing, unexpected or of another shape, which only a partial load lets through
 * @throws CheckpointError or ShapeError, with the file's name, where it does not fit or fits twice; the model is then as
 *   before
 * @example
 * await loadWeights('weights.safetensors', model);
 */
export async function loadWeights(
  file: string,
  model: Module,
  options: LoadOptions = {},
): Promise<LoadReport> {
  if (typeof file !== 'string' || !(model instanceof Module))
    throw new UsageError({
      what: 'loadWeights got something else than a file and a model',
      expected: "loadWeights('weights.pth', model)",
      got: `${typeof file} and ${typeof model}`,
    });
  const { tensors } = await readWeights(file);
  const own = [...model.stateDict().keys()];
  const look = (least: number) =>
    findPart(file, tensors, (part) =>
      own.length > 0 && own.filter((name) => part.has(name)).length >= least ? true : undefined,
    );
  const found = look(own.length) ?? (options.strict === false ? look(ENOUGH * own.length) : undefined);
  return inFile(file, () => model.loadStateDict(partOf(tensors, found?.part ?? WHOLE), options));
}
