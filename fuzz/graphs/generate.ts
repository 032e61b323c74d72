import { isFloat } from '../../src/graph/types.js';
import { Generator } from '../../src/random.js';
import { Draw } from './draw.js';
import type { Narrow } from './exact.js';
import { KINDS } from './kinds/index.js';
import type { Change, Program, Statement } from './program.js';

export interface Wanted {
  /** The type of the device's products, if it is less exact: some layers must then be large enough for bfloat16. */
  readonly narrow: Narrow | undefined;
  /** The kind of the first statement. */
  readonly kind?: string;
}

/** Drawn less often: they end a chain, or errors are less likely in them. */
const RARE = new Set([
  'argmax',
  'argsort',
  'oneHot',
  'topKCorrect',
  'equal',
  'roundToByte',
  'sign',
  'cast',
  'batchStats',
  'sumOfSquares',
  'detach',
  'less',
  'floor',
]);
/** Drawn more often: devices have the most code for them. */
const FREQUENT = new Set([
  'conv2d',
  'maxPool2d',
  'batchNormTrain',
  'localResponseNorm',
  'avgPool2d',
  'linear',
  'reshape',
  'relu',
  'add',
  'mul',
]);
const NAMES = KINDS.flatMap(({ name }) =>
  new Array<string>(RARE.has(name) ? 1 : FREQUENT.has(name) ? 5 : 3).fill(name),
);

/** A random program: the same one for the same seed and number. */
export function generate(seed: number, number: number, { narrow, kind }: Wanted): Program {
  const random = new Generator(seed, number);
  const real = !narrow && random.integer(25) === 0 ? 'float64' : 'float32';
  const draw = new Draw(random, real, narrow);
  const want = draw.integer(2, 12);
  // A kind may not fit the values drawn so far: try several times.
  for (let n = 0; kind && n < 50; n++) if (byName(kind).draw(draw)) break;
  for (let n = 0; draw.body.length < want && n < 40; n++) byName(draw.pick(NAMES)).draw(draw);
  return finish(draw);
}

const byName = (name: string) => KINDS.find((kind) => kind.name === name)!;

/** Chooses outputs, loss and updates. */
function finish(draw: Draw): Program {
  const leaves = draw.leaves.length;
  const at = (id: number): number => (id < 0 ? -id - 1 : leaves + id);
  const body: Statement[] = draw.body.map((s) => ({ ...s, inputs: s.inputs.map(at) }));
  const read = new Set(body.flatMap((s) => s.inputs));
  const ids = body.map((_, id) => id);
  const outputs = ids.filter((id) => !read.has(at(id)) || draw.chance(0.3)).map(at);
  const real = (id: number) => isFloat(draw.typeOf(id)) && draw.typeOf(id) === 'float64' && !draw.isWide(id);
  const ends = ids.filter((id) => real(id) && (!read.has(at(id)) || draw.chance(0.15)));
  const loss = draw.chance(0.8)
    ? ends.map((id) => ({ value: at(id), as: draw.pick(['weighted', 'weighted', 'sum', 'square'] as const) }))
    : [];
  return {
    real: draw.real,
    leaves: draw.leaves,
    body,
    outputs,
    loss,
    twice: loss.length > 0 && draw.chance(0.12),
    changes: changesOf(draw, loss.length > 0, at),
  };
}

function changesOf(draw: Draw, differentiated: boolean, at: (id: number) => number): Change[] {
  const changes: Change[] = [];
  const stored = draw.leaves.flatMap((leaf, i) => (leaf.stored ? [i] : []));
  const taken = new Set<number>();
  for (const leaf of stored) {
    if (taken.has(leaf) || draw.chance(0.4)) continue;
    const shape = draw.leaves[leaf]!.shape.join();
    const momentum = stored.find(
      (m) => m !== leaf && !taken.has(m) && draw.leaves[m]!.shape.join() === shape,
    );
    const alike = draw.body
      .map((_, id) => id)
      .filter((id) => draw.shapeOf(id).join() === shape && draw.typeOf(id) === 'float64' && !draw.isWide(id));
    taken.add(leaf);
    if (differentiated && momentum !== undefined && draw.chance(0.5)) {
      taken.add(momentum);
      changes.push({ leaf, by: 'momentum', momentum });
    } else if (alike.length > 0 && draw.chance(0.5))
      changes.push({ leaf, by: 'value', value: at(draw.pick(alike)) });
    else if (differentiated) changes.push({ leaf, by: 'gradient' });
  }
  return changes;
}
