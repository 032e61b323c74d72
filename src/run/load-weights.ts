import { UsageError } from '../errors/errors.js';
import { findPart, partOf, WHOLE } from '../interop/prefixes.js';
import { readWeights } from '../interop/weights.js';
import { type LoadOptions, type LoadReport, Module } from '../nn/module.js';
import { inSpellingOf } from '../tensor/names.js';
import { inFile } from './checkpoint.js';

/** Minimum share of the model's names that a part of a file must have in a partial load. */
const ENOUGH = 0.5;

/**
 * Loads a file of weights, of {@link saveWeights} or PyTorch, into a model. A common prefix of the names (`module.`,
 * `model.`) is removed, and tensors that are not part of the model (a counter, a metric) are ignored.
 *
 * @param options see {@link Module.loadStateDict}; `strict: false` loads only the tensors that match
 * @returns names that are missing, unexpected or of another shape; all empty unless `strict` is false
 * @throws CheckpointError or ShapeError with the file name if the file does not match, or two parts of it do; the model
 *   is then unchanged
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
      what: 'loadWeights needs a file path and a model',
      expected: "loadWeights('weights.pth', model)",
      got: `${typeof file} and ${typeof model}`,
    });
  const { tensors } = await readWeights(file);
  const own = [...model.stateDict().keys()];
  const look = (least: number) =>
    findPart(file, tensors, (part) => {
      const spelled = inSpellingOf(own, part);
      return own.length > 0 && own.filter((name) => spelled.has(name)).length >= least ? true : undefined;
    });
  const found = look(own.length) ?? (options.strict === false ? look(ENOUGH * own.length) : undefined);
  return inFile(file, () => model.loadStateDict(partOf(tensors, found?.part ?? WHOLE), options));
}
