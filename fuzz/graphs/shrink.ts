import { hostLeaf } from '../../src/graph/node.js';
import { isFloat } from '../../src/graph/types.js';
import { kindOf } from './kinds/index.js';
import { type Leaf, leafValues, type Program, type Statement, typeOf } from './program.js';

/**
 * Makes a program smaller while it still fails: removes outputs, changes and statements, and replaces statements by
 * leaves.
 * @param fails whether a program still fails
 */
export async function shrink(
  program: Program,
  fails: (smaller: Program) => Promise<boolean>,
): Promise<Program> {
  let best = tidy(program);
  for (let progress = true; progress; ) {
    progress = false;
    for (const candidate of candidates(best)) {
      const smaller = tidy(candidate);
      if (sizeOf(smaller) >= sizeOf(best)) continue;
      if (!(await attempt(async () => isSound(smaller) && (await fails(smaller))))) continue;
      best = smaller;
      progress = true;
      break;
    }
  }
  return best;
}

const attempt = async (body: () => Promise<boolean>): Promise<boolean> => {
  try {
    return await body();
  } catch {
    // A candidate may be invalid: its shapes may not fit.
    return false;
  }
};

/** A storage can only become a value of its own shape. */
function isSound(p: Program): boolean {
  const values = p.changes.flatMap((c) => (c.by === 'value' ? [c] : []));
  if (values.length === 0) return true;
  const shapes = shapesOf(p);
  return values.every(({ leaf, value }) => shapes[leaf]!.shape.join() === shapes[value]!.shape.join());
}

/** Size of a program: mostly the number of statements, then everything else. */
const sizeOf = ({ leaves, body, outputs, loss, twice, changes }: Program): number =>
  1000 * body.length +
  10 * (leaves.length + outputs.length + loss.length + changes.length + (twice ? 1 : 0)) +
  leaves.filter(({ stored }) => stored).length +
  loss.filter(({ as }) => as !== 'sum').length;

function* candidates(p: Program): Generator<Program> {
  for (const { value } of [...p.loss])
    yield { ...p, loss: p.loss.filter((l) => l.value === value), outputs: [], changes: [] };
  for (const output of p.outputs) yield { ...p, loss: [], outputs: [output], changes: [], twice: false };
  if (p.twice) yield { ...p, twice: false };
  for (let i = 0; i < p.changes.length; i++) yield { ...p, changes: p.changes.filter((_, n) => n !== i) };
  const shapes = shapesOf(p);
  const first = p.leaves.length;
  for (let i = p.body.length - 1; i >= 0; i--) {
    const { shape, real } = shapes[first + i]!;
    if (real)
      yield asLeaf(p, first + i, {
        shape,
        dtype: 'real',
        fill: { seed: i, low: -1.5, high: 1.5 },
        stored: false,
      });
    for (const input of p.body[i]!.inputs) yield instead(p, first + i, input);
  }
  for (let i = 0; i < p.outputs.length; i++) yield { ...p, outputs: p.outputs.filter((_, n) => n !== i) };
  for (let i = 0; i < p.loss.length; i++) yield { ...p, loss: p.loss.filter((_, n) => n !== i) };
  for (let i = 0; i < p.loss.length; i++)
    yield { ...p, loss: p.loss.map((l, n) => (n === i ? { ...l, as: 'sum' as const } : l)) };
  for (let i = 0; i < first; i++)
    if (
      p.leaves[i]!.stored &&
      !p.changes.some((c) => c.leaf === i || (c.by === 'momentum' && c.momentum === i))
    )
      yield { ...p, leaves: p.leaves.map((leaf, n) => (n === i ? { ...leaf, stored: false } : leaf)) };
}

function shapesOf(p: Program): { shape: readonly number[]; real: boolean }[] {
  const nodes = p.leaves.map((leaf) => hostLeaf(leafValues(leaf, p.real), leaf.shape, typeOf(leaf, p.real)));
  for (const { kind, inputs, attrs } of p.body)
    nodes.push(
      kindOf(kind).make(
        inputs.map((at) => nodes[at]!),
        attrs,
        p.real,
      ),
    );
  return nodes.map(({ shape, dtype }) => ({ shape, real: isFloat(dtype) && dtype === p.real }));
}

const mapped = (p: Program, to: (at: number) => number): Program => ({
  ...p,
  body: p.body.map((s) => ({ ...s, inputs: s.inputs.map(to) })),
  outputs: [...new Set(p.outputs.map(to))],
  loss: p.loss.map((l) => ({ ...l, value: to(l.value) })),
  changes: p.changes.map((c) =>
    c.by === 'value'
      ? { ...c, leaf: to(c.leaf), value: to(c.value) }
      : c.by === 'momentum'
        ? { ...c, leaf: to(c.leaf), momentum: to(c.momentum) }
        : { ...c, leaf: to(c.leaf) },
  ),
});

/** Replaces one value by another in all places that read it. */
const instead = (p: Program, old: number, other: number): Program =>
  mapped(p, (at) => (at === old ? other : at));

/** Replaces a statement by a leaf. */
function asLeaf(p: Program, old: number, leaf: Leaf): Program {
  const first = p.leaves.length;
  const moved = mapped(p, (at) => (at === old ? first : at >= first ? at + 1 : at));
  return { ...moved, leaves: [...p.leaves, leaf] };
}

/** Removes unused statements and leaves. */
function tidy(p: Program): Program {
  const first = p.leaves.length;
  const needed = new Set<number>([...p.outputs, ...p.loss.map((l) => l.value)]);
  for (const c of p.changes) {
    needed.add(c.leaf);
    if (c.by === 'value') needed.add(c.value);
    if (c.by === 'momentum') needed.add(c.momentum);
  }
  for (let i = p.body.length - 1; i >= 0; i--)
    if (needed.has(first + i)) for (const at of p.body[i]!.inputs) needed.add(at);
  const kept = [...Array(first + p.body.length).keys()].filter((at) => needed.has(at));
  const place = new Map(kept.map((at, i) => [at, i]));
  const moved = mapped(
    { ...p, body: p.body.filter((_, i) => needed.has(first + i)) as Statement[] },
    (at) => place.get(at)!,
  );
  return { ...moved, leaves: p.leaves.filter((_, i) => needed.has(i)) };
}
