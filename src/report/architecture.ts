import type { Language } from '../display/languages.js';
import { shorten } from '../display/svg-text.js';
import { type Shape, sizeOf } from '../graph/types.js';
import type { Size } from '../nn/arguments.js';
import { Conv2d } from '../nn/conv.js';
import { inspect } from '../nn/inspect.js';
import type { Module } from '../nn/module.js';
import { AvgPool2d, MaxPool2d } from '../nn/pooling.js';

import { Drawing } from './drawing/svg.js';

import { wordsOf } from './words.js';

/** A stage of a network: a layer that has weights or changes the shape, with the layers after it that do neither. */
export interface Stage {
  readonly title: string;
  /** Such as `11 × 11, stride 4`. */
  readonly settings: string;
  readonly outputShape: Shape;
  /** Class names of the following layers that keep the shape. */
  readonly followers: readonly string[];
  readonly parameters: number;
  readonly macs: number;
}

/** Groups a model's layers into stages. */
export function stagesOf(model: Module, inputShape: Shape): Stage[] {
  const modules = new Map(model.namedModules());
  const stages: Stage[] = [];
  let before: Shape = [1, ...inputShape];
  for (const { name, type, outputShape, parameters, macs } of inspect(model, inputShape).layers) {
    const last = stages.at(-1);
    // Compares numbers of values, because flattening is not a layer but changes the shape that the next layer sees.
    const same = sizeOf(outputShape) === sizeOf(before);
    if (same && parameters === 0 && last) {
      // A layer with no effect on this input, such as adaptive pooling to the size that the maps already have.
      stages[stages.length - 1] = { ...last, followers: [...last.followers, type] };
      before = outputShape;
      continue;
    }
    stages.push({
      title: type,
      settings: settingsOf(modules.get(name)),
      outputShape,
      followers: [],
      parameters,
      macs,
    });
    before = outputShape;
  }
  return stages;
}

function settingsOf(module: Module | undefined): string {
  if (!(module instanceof Conv2d || module instanceof MaxPool2d || module instanceof AvgPool2d)) return '';
  const side = (size: Size): number => (typeof size === 'number' ? size : size[0]);
  const { kernelSize, stride } = module;
  const groups = module instanceof Conv2d && module.groups > 1 ? `, ${module.groups} groups` : '';
  return `${side(kernelSize)}×${side(kernelSize)}${side(stride) > 1 ? `, /${side(stride)}` : ''}${groups}`;
}

const HEIGHT = 400;
const FLOOR = 270;
const TALLEST = 170;
const GAP = 30;
const SLANT = 0.35;

/** A network as a row of boxes: height shows the size of feature maps, depth their number. */
export function architectureSvg(
  { stages, inputShape, title }: { stages: readonly Stage[]; inputShape: Shape; title: string },
  language: Language = 'en',
): string {
  const words = wordsOf(language);
  const input: Stage = {
    title: words.input,
    settings: '',
    outputShape: [1, ...inputShape],
    followers: [],
    parameters: 0,
    macs: 0,
  };
  const all = [input, ...stages];
  const widest = Math.max(...all.map(({ outputShape: s }) => (s.length === 4 ? s[2]! : 1)));
  const most = Math.max(1, ...all.map(({ outputShape: s }) => (s.length === 4 ? 0 : s.at(-1)!)));
  const boxes = all.map(({ outputShape: s }) =>
    s.length === 4
      ? { width: 6 + 2.4 * Math.sqrt(s[1]!), height: Math.max(10, TALLEST * Math.sqrt(s[2]! / widest)) }
      : { width: 12, height: Math.max(14, TALLEST * Math.sqrt(s.at(-1)! / most)) },
  );
  const slots = boxes.map(({ width, height }, i) => {
    const depth = all[i]!.outputShape.length === 4 ? SLANT * height * 0.5 : 5;
    return Math.max(78, width + depth + GAP);
  });
  const drawing = new Drawing(
    Math.max(
      860,
      slots.reduce((a, b) => a + b, 32),
    ),
    HEIGHT,
    title,
  );
  drawing.text('h', [8, 26], title, { size: 15 });
  let left = 16;
  for (const [i, stage] of all.entries()) {
    const { width, height } = boxes[i]!;
    const maps = stage.outputShape.length === 4;
    const depth = maps ? SLANT * height * 0.5 : 5;
    const middle = left + slots[i]! / 2;
    box(drawing, middle - (width + depth) / 2, width, height, depth);
    const label = (line: number, text: string, cls = 'm') =>
      drawing.text(cls, [middle, FLOOR + 20 + 15 * line], shorten(text, 14), { anchor: 'middle', size: 11 });
    label(0, stage.title, 't');
    label(1, stage.outputShape.slice(1).join('×'));
    label(2, stage.settings);
    label(3, stage.followers.length > 0 ? `+ ${stage.followers.map(abbreviated).join(', ')}` : '');
    if (stage.parameters > 0) label(4, `${compact(stage.parameters)} ${words.values}`);
    if (stage.macs > 0) label(5, `${compact(stage.macs)} MAC`);
    left += slots[i]!;
  }
  return drawing.toString();
}

function box(drawing: Drawing, x: number, width: number, height: number, depth: number): void {
  const y = FLOOR - height;
  drawing.polygon('top', [
    [x, y],
    [x + depth, y - depth],
    [x + width + depth, y - depth],
    [x + width, y],
  ]);
  drawing.polygon('side', [
    [x + width, y],
    [x + width + depth, y - depth],
    [x + width + depth, FLOOR - depth],
    [x + width, FLOOR],
  ]);
  drawing.rect('box', [x, y], width, height);
}

const SHORT: Readonly<Record<string, string>> = {
  LocalResponseNorm: 'LRN',
  BatchNorm2d: 'BN',
  AdaptiveAvgPool2d: 'pool',
  Dropout: 'drop',
};
const abbreviated = (type: string): string => SHORT[type] ?? type;

/** 37748736 → 37.7 M */
function compact(n: number): string {
  for (const [unit, size] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const)
    if (n >= size) return `${(n / size).toPrecision(3)}${unit}`;
  return String(n);
}
