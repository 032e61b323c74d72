import type { Recognised, Shapes } from '../paper.js';

const BLOCK = /^blocks\.(\d+)\.body\.0\.weight$/;

/** The depth of the network that tensors of these names belong to; shortcuts have no weights and leave no trace. */
export function recognise(shapes: Shapes, preset?: string): Recognised | undefined {
  const blocks = [...shapes.keys()].filter((name) => BLOCK.test(name)).length;
  const classes = shapes.get('fc.bias')?.[0];
  if (classes === undefined || blocks === 0 || blocks % 3 !== 0) return undefined;
  if (String(shapes.get('stem.0.weight')) !== '16,3,3,3') return undefined;
  const depth = 2 * blocks + 2;
  return {
    preset: preset ?? `resnet-${depth}`,
    classes,
    assumed: [`shortcuts (files of plain-${depth} look the same: --preset plain-${depth})`],
  };
}
