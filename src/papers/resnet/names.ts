import type { Shapes } from '../paper.js';

/** Paths of a convolution and of the normalisation after it. */
interface Pair {
  readonly conv: string;
  readonly norm: string;
}

/** Layer names of a residual network for CIFAR in a file. */
export interface Names {
  readonly stem: Pair;
  /** In network order. */
  readonly blocks: readonly (readonly [Pair, Pair])[];
  /** The fully connected layer. */
  readonly last: string;
  /** Weights in shortcuts; the paper's network for CIFAR-10 has none. */
  readonly shortcuts: readonly string[];
}

/** A layer in a block: `layer2.0.conv1` in most implementations, `blocks.3.body.0` here. */
const BLOCK = /^(?:(?:layer|stage|group)(\d)\.(?:block|unit)?(\d{1,3})|blocks\.(\d{1,3}))\.(.+)$/;
const SHORTCUT = /^(?:shortcut|downsample|skip|identity|proj|projection)\b/;
/** Usual names of the first convolution. */
const STEM = /^(?:conv1|conv|stem\.0|stem\.conv)$/;
const STEM_NORM = /^(?:bn1|bn|norm1|stem\.1|stem\.bn)$/;
const LAST = /^(?:fc|linear|classifier|head|output|out)$/;

interface Block {
  readonly stage: number;
  readonly index: number;
  readonly convs: string[];
  readonly norms: string[];
}

/**
 * Finds the layers of a residual network for CIFAR in a file: a convolution, three stages of blocks of two
 * convolutions with 16, 32 and 64 kernels, one fully connected layer.
 *
 * @returns undefined if the tensors are not those of such a network
 */
export function readNames(shapes: Shapes): Names | undefined {
  const blocks = new Map<string, Block>();
  const shortcuts: string[] = [];
  const stem: { conv: string[]; norm: string[]; last: string[] } = { conv: [], norm: [], last: [] };
  for (const [name, shape] of shapes) {
    if (!name.endsWith('.weight')) continue;
    const path = name.slice(0, -'.weight'.length);
    const [, stage, within, alone, rest] = BLOCK.exec(path) ?? [];
    if (rest === undefined) {
      if (shape.length === 4 && STEM.test(path)) stem.conv.push(path);
      else if (shape.length === 1 && STEM_NORM.test(path)) stem.norm.push(path);
      else if (shape.length === 2 && LAST.test(path)) stem.last.push(path);
      else return undefined;
      continue;
    }
    if (SHORTCUT.test(rest)) {
      shortcuts.push(name);
      continue;
    }
    const key = `${stage}.${within ?? alone}`;
    const block = blocks.get(key) ?? {
      stage: Number(stage ?? 0),
      index: Number(within ?? alone),
      convs: [],
      norms: [],
    };
    blocks.set(key, block);
    if (shape.length === 4) block.convs.push(path);
    else if (shape.length === 1) block.norms.push(path);
    else return undefined;
  }
  const found = [...blocks.values()].sort((a, b) => a.stage - b.stage || a.index - b.index);
  if (stem.conv.length !== 1 || stem.norm.length !== 1 || stem.last.length !== 1) return undefined;
  if (found.length === 0 || !found.every(({ convs, norms }) => convs.length === 2 && norms.length === 2))
    return undefined;
  const names = {
    stem: { conv: stem.conv[0]!, norm: stem.norm[0]! },
    blocks: found.map(({ convs, norms }) => pairs(convs, norms)),
    last: stem.last[0]!,
    shortcuts,
  };
  return fits(names, shapes) ? names : undefined;
}

/** The first and second convolution, by their numbers or letters: `conv1` and `conv2`, `body.0` and `last.0`. */
function pairs(convs: readonly string[], norms: readonly string[]): [Pair, Pair] {
  const order = (paths: readonly string[]) =>
    [...paths].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const [[first, second], [firstNorm, secondNorm]] = [order(convs), order(norms)] as [
    [string, string],
    [string, string],
  ];
  return [
    { conv: first, norm: firstNorm },
    { conv: second, norm: secondNorm },
  ];
}

/** Whether the shapes are those of the paper, layer by layer. */
function fits({ stem, blocks, last }: Names, shapes: Shapes): boolean {
  const is = (name: string, ...shape: number[]): boolean => String(shapes.get(name)) === String(shape);
  const pair = ({ conv, norm }: Pair, to: number, from: number): boolean =>
    is(`${conv}.weight`, to, from, 3, 3) &&
    !shapes.has(`${conv}.bias`) &&
    ['weight', 'bias', 'running_mean', 'running_var'].every((part) => is(`${norm}.${part}`, to));
  const each = blocks.length / 3;
  if (!Number.isInteger(each) || !pair(stem, 16, 3)) return false;
  let channels = 16;
  for (const [i, [first, second]] of blocks.entries()) {
    const kernels = 16 * 2 ** Math.floor(i / each);
    if (!pair(first, kernels, channels) || !pair(second, kernels, kernels)) return false;
    channels = kernels;
  }
  const classes = shapes.get(`${last}.bias`)?.[0];
  return classes !== undefined && is(`${last}.weight`, classes, 64) && is(`${last}.bias`, classes);
}
