import { quoted } from '../../errors/excerpt.js';
import { unwrap } from '../prefixes.js';
import { PickleError } from './pickle.js';
import { TensorView } from './view.js';

/** A model's tensors by name, with messages about where in the file they were. */
export interface StateDict {
  readonly tensors: ReadonlyMap<string, TensorView>;
  readonly notes: readonly string[];
}

/** Usual keys of the weights in a checkpoint, the most common first. */
const KEYS = [
  'model_state_dict',
  'state_dict',
  'model_state',
  'model',
  'net',
  'network',
  'weights',
  'params',
  'module',
];
/** Keys of averaged weights in a checkpoint. */
const AVERAGES = /^(?:\w+_)?(?:ema|swa|averaged?|teacher|shadow|polyak)(?:_\w+)?$/i;
/** Keys of other entries; used only if there is nothing else. */
const OTHERS =
  /^(?:\w+_)?(?:optim|optimi[sz]er|optimi[sz]ers|optimi[sz]er_states?|schedulers?|scaler|rng|rng_states?|loss|criterion|metrics?|meters?|callbacks?|loops|hyper_parameters|history|args|config)(?:_\w+)?$/i;
/** Maximum depth to search nested dictionaries. */
const DEPTH = 3;
interface Found {
  readonly path: readonly string[];
  readonly tensors: ReadonlyMap<string, TensorView>;
  readonly others: readonly string[];
}

/**
 * Finds the weights in an object written by `torch.save`: a state dict, or a checkpoint that contains one.
 *
 * @param file its name, for messages
 * @throws PickleError that lists the candidates if the choice is ambiguous
 */
export function findStateDict(file: string, root: unknown): StateDict {
  if (root instanceof TensorView) throw new PickleError('it holds a single tensor without a name');
  if (!(root instanceof Map)) throw new PickleError('it does not hold a dictionary of tensors');
  const nested = [...search(root, [], new Set())].sort((a, b) => a.path.length - b.path.length);
  const inner = nested.filter(({ path }) => path.length > 0);
  const outer = nested.find(({ path }) => path.length === 0);
  const found = choose(inner, outer);
  if (!found)
    throw new PickleError(
      inner.length > 1
        ? `it holds several sets of tensors: ${listed(inner)}`
        : `it holds no tensors, but ${keysOf(root)}`,
    );
  const notes = [];
  if (found.path.length > 0) notes.push(`the weights are its entry "${found.path.join('.')}"`);
  const others = [...found.others, ...inner.filter((set) => set !== found && !isOther(set)).map(pathOf)];
  const passed = [...new Set(others)].slice(0, 8).map((name) => quoted(name).slice(1, -1));
  if (passed.length > 0) notes.push(`ignored: ${passed.join(', ')}`);
  const unwrapped = unwrap(file, found.tensors);
  return { tensors: unwrapped.tensors, notes: [...notes, ...unwrapped.notes] };
}

const pathOf = ({ path }: Found): string => path.join('.');
const listed = (found: readonly Found[]): string =>
  found
    .slice(0, 8)
    .map((set) => quoted(pathOf(set)).slice(1, -1))
    .join(', ');
const isAverage = ({ path }: Found): boolean => path.some((key) => key.length <= 64 && AVERAGES.test(key));
const isOther = ({ path }: Found): boolean => path.some((key) => key.length <= 64 && OTHERS.test(key));

/**
 * Chooses a set of weights: first the network's own, then averaged ones, then others. undefined if two networks are
 * equally likely.
 */
function choose(inner: readonly Found[], outer: Found | undefined): Found | undefined {
  const networks = inner.filter((set) => !isOther(set));
  const own = networks.filter((set) => !isAverage(set));
  const named = own.filter(({ path }) => KEYS.includes(path.at(-1)!));
  // A state dict may have entries that are not tensors, and a checkpoint may have a single tensor, such as the loss.
  const layers = [...(outer?.tensors.values() ?? [])].filter(({ shape }) => shape.length > 0);
  const flat = outer && layers.length > 1 ? [outer] : [];
  const best = [named, flat, own, networks].find((sets) => sets.length > 0);
  if (!best) return outer ?? (inner.length === 1 ? inner[0] : undefined);
  return best.length === 1 ? best[0] : undefined;
}

/** Nested dictionaries with string keys that hold tensors, outermost first; a shared one is listed once. */
function* search(value: unknown, path: readonly string[], seen: Set<unknown>): Generator<Found> {
  if (!(value instanceof Map) || seen.has(value)) return;
  seen.add(value);
  const tensors = new Map<string, TensorView>();
  const others: string[] = [];
  for (const [key, item] of value) {
    if (typeof key !== 'string') continue;
    if (item instanceof TensorView) tensors.set(key, item);
    else others.push(key);
  }
  if (tensors.size > 0) yield { path, tensors, others };
  if (path.length + 1 >= DEPTH) return;
  for (const [key, item] of value)
    if (typeof key === 'string' && item instanceof Map) yield* search(item, [...path, key], seen);
}

function keysOf(root: ReadonlyMap<unknown, unknown>): string {
  const keys = [...root.keys()].slice(0, 8).map(String);
  return keys.length === 0 ? 'nothing' : keys.join(', ');
}
