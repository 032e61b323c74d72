import { UsageError } from '../../errors/errors.js';
import { showShape } from '../../graph/types.js';
import { withoutInit } from '../../nn/init.js';
import type { Module } from '../../nn/module.js';
import type { ModelConfig } from '../../run/config.js';
import { buildModel, type Paper } from '../paper.js';

/** No data set has a class of this name. */
const ONE_MORE = '\u0000one more';

/**
 * The axis of each tensor that has one entry per class, by tensor name: weight and bias of the last layer, or of
 * several. They are found by building the network with one more class, so any last layer is found, such as a
 * convolution, and in each preset.
 *
 * @throws UsageError if the entries of a tensor that depends on the number of classes cannot be told apart
 */
export function classAxes(paper: Paper, config: ModelConfig, model: Module): ReadonlyMap<string, number> {
  const own = model.stateDict();
  const other = withOneMore(paper, config)?.stateDict();
  const axes = new Map<string, number>();
  for (const [name, { shape }] of own) {
    const grown = other?.get(name)?.shape;
    const differing = grown ? [...shape.keys()].filter((axis) => shape[axis] !== grown[axis]) : [];
    if (differing.length === 0) continue;
    const [axis] = differing as [number];
    const count = config.classes.length;
    if (differing.length > 1 || shape[axis] !== count || grown![axis] !== count + 1)
      throw new UsageError({
        what: `${paper.name}: the classes cannot be found in ${name}`,
        expected: 'tensors that depend on the number of classes to have one axis with one entry per class',
        got: `${showShape(shape)} for ${count} classes, ${showShape(grown!)} for ${count + 1}`,
        next: 'leave --init out, or change the network of this paper',
      });
    axes.set(name, axis);
  }
  if (axes.size > 0 || paper.lastBias === undefined) return axes;
  // A network whose number of classes is fixed.
  const fixed = [paper.lastBias, paper.lastBias.replace(/bias$/, 'weight')];
  return new Map(
    fixed.flatMap((name) => (own.get(name)?.shape[0] === config.classes.length ? [[name, 0]] : [])),
  );
}

/** Undefined if the network cannot have another number of classes. */
function withOneMore(paper: Paper, config: ModelConfig): Module | undefined {
  const classes = [...config.classes, ONE_MORE];
  try {
    return withoutInit(() => buildModel(paper, { ...config, classes }));
  } catch {
    return undefined;
  }
}
