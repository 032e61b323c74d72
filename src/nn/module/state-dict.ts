import { shown } from '../../errors/arguments.js';
import { CheckpointError, ShapeError, UsageError } from '../../errors/errors.js';
import { type Shape, showShape } from '../../graph/types.js';

/** A tensor and a parameter of the same name whose shapes differ. */
export interface Mismatch {
  readonly name: string;
  /** The model's shape. */
  readonly expected: Shape;
  /** The file's shape. */
  readonly got: Shape;
}

/** The names that do not match between a model and a file. */
export interface LoadReport {
  /** Names in the model that are not in the file. */
  readonly missing: string[];
  /** Names in the file that are not in the model. */
  readonly unexpected: string[];
  /** Names in both, with different shapes. */
  readonly mismatched: Mismatch[];
}

/** Options of {@link Module.loadStateDict}. */
export interface LoadOptions {
  /** False: load the tensors whose names match, and leave the other parameters unchanged. */
  readonly strict?: boolean;
  /** True: also leave parameters whose shape differs unchanged. Requires `strict: false`. */
  readonly skipMismatched?: boolean;
}

/** The first names of a list, and the number of the others. */
export function some(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN).join(', ');
  return names.length > SHOWN ? `${shown} and ${names.length - SHOWN} more` : shown;
}

/** Maximum number of names per list in an error. */
const SHOWN = 24;

/** @throws UsageError unless `saved` is a Map of tensors by name */
export function checkStateDict(saved: unknown): void {
  if (saved instanceof Map) return;
  const tensors = (saved as { tensors?: unknown } | undefined)?.tensors;
  throw new UsageError({
    what: 'A state dict is a Map of tensors by name',
    expected: 'model.stateDict(), or the tensors of readWeights(file)',
    got: shown(saved),
    next:
      tensors instanceof Map
        ? 'pass its tensors: loadStateDict(weights.tensors)'
        : typeof (saved as { stateDict?: unknown } | null)?.stateDict === 'function'
          ? 'pass its stateDict(): loadStateDict(other.stateDict())'
          : 'use new Map(Object.entries(…)) for a plain object, or loadWeights(file, model) for a file',
  });
}

/** An error that lists all mismatches, in PyTorch's terms. */
export function misfit(type: string, size: number, { missing, unexpected, mismatched }: LoadReport): Error {
  const list = (what: string, names: readonly string[]) =>
    names.length > 0 ? [`${what}: ${some(names)}`] : [];
  const shapes = mismatched.map(
    ({ name, expected, got }) => `${name} is ${showShape(got)}, but ${showShape(expected)} in the model`,
  );
  const onlyShapes = missing.length + unexpected.length === 0;
  const Kind = onlyShapes ? ShapeError : CheckpointError;
  return new Kind({
    what: `The weights do not belong to this ${type}`,
    expected: `${size} parameters and buffers, ${onlyShapes ? 'each of the model’s shape' : 'none missing'}`,
    got: [
      ...list('missing', missing),
      ...list('unexpected', unexpected),
      ...list('size mismatch', shapes),
    ].join('; '),
    next: `build the model with the options it was saved with, or pass { strict: false${onlyShapes ? ', skipMismatched: true' : ''} } to load what fits`,
  });
}
