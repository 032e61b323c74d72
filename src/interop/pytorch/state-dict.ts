import { PickleError } from './pickle.js';
import { TensorView } from './view.js';

/** A model's tensors by name, and where in the file they were. */
export interface StateDict {
  readonly tensors: ReadonlyMap<string, TensorView>;
  readonly notes: readonly string[];
}

/** Names that training scripts give to the weights in a checkpoint, the likeliest first. */
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
/** What wrappers put before every name: DataParallel, torch.compile. */
const WRAPPERS = ['module.', '_orig_mod.'];
/** How deep dictionaries are looked into. */
const DEPTH = 3;
/** Dictionaries that are looked at: more than any checkpoint has, and few enough for one made to take for ever. */
const LOOKS = 1_000;

interface Found {
  readonly path: readonly string[];
  readonly tensors: ReadonlyMap<string, TensorView>;
  readonly others: readonly string[];
}

/**
 * Finds the weights in what `torch.save` was given: a state dict, or a checkpoint that has one under some name.
 *
 * @throws PickleError that lists what there is, when it is not clear which one is meant
 */
export function findStateDict(root: unknown): StateDict {
  if (root instanceof TensorView) throw new PickleError('it holds a single tensor without a name');
  if (!(root instanceof Map)) throw new PickleError('it holds no dictionary of tensors');
  const nested = [...search(root, [], { left: LOOKS })].sort((a, b) => a.path.length - b.path.length);
  const inner = nested.filter(({ path }) => path.length > 0);
  // A checkpoint may keep a lonely tensor, such as the loss, beside its state dict.
  const found = choose(inner) ?? nested.find(({ path }) => path.length === 0);
  if (!found)
    throw new PickleError(
      inner.length > 1
        ? `it holds several sets of tensors: ${inner.map(({ path }) => path.join('.')).join(', ')}`
        : `it holds no tensors, but ${keysOf(root)}`,
    );
  const notes = [];
  if (found.path.length > 0) notes.push(`the weights are its entry "${found.path.join('.')}"`);
  if (found.others.length > 0) notes.push(`passed over: ${found.others.slice(0, 8).join(', ')}`);
  const { tensors, removed } = unwrap(found.tensors);
  if (removed !== '') notes.push(`names without their prefix "${removed}"`);
  return { tensors, notes };
}

function choose(found: readonly Found[]): Found | undefined {
  for (const key of KEYS) {
    const match = found.find(({ path }) => path.at(-1) === key);
    if (match) return match;
  }
  return found.length === 1 ? found[0] : undefined;
}

/** Dictionaries with texts for keys that hold tensors, outermost first. */
function* search(value: unknown, path: readonly string[], looks: { left: number }): Generator<Found> {
  if (!(value instanceof Map) || looks.left-- <= 0) return;
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
    if (typeof key === 'string' && item instanceof Map) yield* search(item, [...path, key], looks);
}

function keysOf(root: ReadonlyMap<unknown, unknown>): string {
  const keys = [...root.keys()].slice(0, 8).map(String);
  return keys.length === 0 ? 'nothing at all' : keys.join(', ');
}

/** Takes off what a wrapper put before all names. */
export function unwrap<T>(tensors: ReadonlyMap<string, T>): { tensors: Map<string, T>; removed: string } {
  let [names, removed] = [[...tensors.keys()], ''];
  for (;;) {
    const wrapper = WRAPPERS.find((prefix) => names.length > 0 && names.every((n) => n.startsWith(prefix)));
    if (wrapper === undefined) break;
    names = names.map((name) => name.slice(wrapper.length));
    removed += wrapper;
  }
  return { tensors: new Map([...tensors.values()].map((tensor, i) => [names[i]!, tensor])), removed };
}
