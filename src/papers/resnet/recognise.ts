import type { Module } from '../../nn/module.js';
import type { Recognised, Shapes } from '../paper.js';
import { readNames } from './names.js';

/** The depth of the network that these tensors belong to. Shortcuts have no weights, so files do not show them. */
export function recognise(shapes: Shapes, preset?: string): Recognised | undefined {
  const names = readNames(shapes);
  const classes = shapes.get(`${names?.last}.weight`)?.[0];
  if (!names || names.shortcuts.length > 0 || classes === undefined) return undefined;
  const depth = 2 * names.blocks.length + 2;
  return {
    preset: preset ?? `resnet-${depth}`,
    classes,
    assumed: [
      `shortcuts padded with zeros on both sides (files of plain-${depth} look the same: --preset plain-${depth})`,
    ],
  };
}

/** Detects shortcuts with weights (options B and C), which the paper's networks for CIFAR-10 do not have. */
export function nearly(shapes: Shapes): { expected: string; got: string; next: string } | undefined {
  const [first] = readNames(shapes)?.shortcuts ?? [];
  if (first === undefined) return undefined;
  return {
    expected:
      'shortcuts without weights (option A of the paper, section 4.2), as in its networks for CIFAR-10',
    got: `weights in a shortcut: ${first} (option B or C)`,
    next: 'export the network to ONNX and use that file, or train the paper’s network with paperweight train --paper resnet',
  };
}

/** The file's name of each of the model's tensors. */
export function translate(model: Module, shapes: Shapes): ReadonlyMap<string, string> | undefined {
  const names = readNames(shapes);
  if (!names || names.shortcuts.length > 0) return undefined;
  const layers = new Map<string, string>([
    ['stem.0', names.stem.conv],
    ['stem.1', names.stem.norm],
    ['fc', names.last],
    ...names.blocks.flatMap(([first, second], i): [string, string][] => [
      [`blocks.${i}.body.0`, first.conv],
      [`blocks.${i}.body.1`, first.norm],
      [`blocks.${i}.last.0`, second.conv],
      [`blocks.${i}.last.1`, second.norm],
    ]),
  ]);
  return translated(model, layers);
}

function translated(
  model: Module,
  layers: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> | undefined {
  const names = new Map<string, string>();
  for (const own of model.stateDict().keys()) {
    const dot = own.lastIndexOf('.');
    const path = layers.get(own.slice(0, dot));
    if (path === undefined) return undefined;
    names.set(own, path + own.slice(dot));
  }
  return names;
}
