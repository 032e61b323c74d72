import { CheckpointError } from '../errors/errors.js';

interface Shaped {
  readonly shape: readonly number[];
}

/** The tensors of a file that are one network's, when something stands before its names or lies beside them. */
export interface Part {
  /** What stands before each of the names, such as `model.`; empty where nothing does. */
  readonly prefix: string;
  /** Names of the file that are not the network's: metrics, counters, weights of a loss. */
  readonly left: readonly string[];
}

/** The whole file. */
export const WHOLE: Part = { prefix: '', left: [] };

/** Components that wrappers put into names wherever they wrap something, and that no layer is called. */
const INNER = new Set([
  '_orig_mod',
  '_fsdp_wrapped_module',
  '_checkpoint_wrapped_module',
  '_forward_module',
  '_flat_param_wrapped_module',
]);
/** What stands before all names: of DataParallel and AveragedModel, and of the same others. */
const OUTER = ['module.', ...[...INNER].map((part) => `${part}.`)];
/** What `AveragedModel` counts with. Each batch norm has a counter as well, which loading passes over. */
const AVERAGED = 'n_averaged';
/** What training modules keep beside a network: losses, measures, counters. */
const BESIDE =
  /^(?:(?:\w+_)?(?:criterion|criterions|criteria|loss|losses|loss_fn|loss_func|loss_function|metric|metrics|acc|accuracy|auroc|f1|confmat|confusion_matrix)(?:_\w+|\d+)?|n_averaged|epoch|step|global_step|num_updates|decay|best_\w+)$/i;
/** How many components a prefix may have, and how many prefixes are tried: a network is not hidden deeper. */
const DEPTH = 6;
const MOST = 64;

/**
 * Takes off what wrappers put into names: `_orig_mod.` of torch.compile wherever it stands, and `module.` of
 * DataParallel and AveragedModel where all names begin with it.
 *
 * @throws CheckpointError where two names would become one
 */
export function unwrap<T>(
  file: string,
  tensors: ReadonlyMap<string, T>,
): { tensors: Map<string, T>; notes: string[] } {
  const notes: string[] = [];
  let named = [...tensors];
  if (named.some(([name]) => name === AVERAGED)) {
    named = named.filter(([name]) => name !== AVERAGED);
    notes.push(`passed over: ${AVERAGED}`);
  }
  let front = '';
  for (;;) {
    const wrapper = OUTER.find(
      (prefix) =>
        named.length > 0 && named.every(([name]) => name.startsWith(prefix) && name.length > prefix.length),
    );
    if (wrapper === undefined) break;
    named = named.map(([name, tensor]) => [name.slice(wrapper.length), tensor]);
    front += wrapper;
  }
  const inside = new Set<string>();
  named = named.map(([name, tensor]) => {
    const parts = name.split('.');
    const kept = parts.filter((part, i) => !INNER.has(part) || i === parts.length - 1);
    if (kept.length < parts.length) for (const part of parts) if (INNER.has(part)) inside.add(`${part}.`);
    return [kept.join('.'), tensor];
  });
  const result = new Map(named);
  const removed = [...(front === '' ? [] : [front]), ...inside];
  if (result.size < named.length) throw twice(file, named, removed);
  return { tensors: result, notes: [...removed.map((r) => `names without their prefix "${r}"`), ...notes] };
}

function twice(
  file: string,
  named: readonly (readonly [string, unknown])[],
  removed: readonly string[],
): Error {
  const seen = new Set<string>();
  const name = named.find(([own]) => seen.has(own) || !seen.add(own))?.[0] ?? '';
  return new CheckpointError({
    what: `${file} has two tensors for one name`,
    expected: `each name once, without ${removed.join(' and ')}`,
    got: `${quoted(name)} twice`,
    next: 'in Python, save one of the two models alone: torch.save(model.state_dict(), "weights.pth")',
  });
}

/** A name from a file for a message: no control characters, and not too long. */
export const quoted = (name: string): string =>
  JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);

/**
 * Finds the network in a file of weights that has more in it, or something before its names.
 *
 * @param fits tells whether tensors, without the prefix, are those of a network, and gives what it finds
 * @returns undefined where nothing fits
 * @throws CheckpointError where two networks fit: which one is meant cannot be known
 */
export function findPart<T extends Shaped, R>(
  file: string,
  tensors: ReadonlyMap<string, T>,
  fits: (tensors: ReadonlyMap<string, T>) => R | undefined,
): { part: Part; found: R } | undefined {
  const tried = (names: Iterable<string>, prefix: string) => {
    const part = within(tensors, names, prefix);
    return part.size === 0 ? undefined : fits(part);
  };
  const all = [...tensors.keys()];
  const whole = tried(all, '');
  let match: { prefix: string; found: R } | undefined =
    whole === undefined ? undefined : { prefix: '', found: whole };
  for (const prefix of prefixesOf(all)) {
    if (match?.prefix && prefix.startsWith(match.prefix)) continue;
    const found = tried(all, prefix);
    if (found === undefined) continue;
    // What is not under this prefix may be a network as well.
    const rest = all.filter((name) => !name.startsWith(prefix));
    if (match?.prefix) throw several(file, match.prefix, prefix);
    const second = ['', ...prefixesOf(rest)].find((other) => tried(rest, other) !== undefined);
    if (second !== undefined) throw several(file, second === '' ? common(rest) : second, prefix);
    match ??= { prefix, found };
  }
  if (!match) return undefined;
  const { prefix, found } = match;
  const kept = within(tensors, all, prefix);
  const left = all.filter((name) => !(name.startsWith(prefix) && kept.has(name.slice(prefix.length))));
  return { part: { prefix, left }, found };
}

/** The tensors of a part, by the network's own names. */
export function partOf<T>(tensors: ReadonlyMap<string, T>, { prefix, left }: Part): Map<string, T> {
  const without = new Set(left);
  return new Map(
    [...tensors].flatMap(([name, tensor]) =>
      without.has(name) ? [] : [[name.slice(prefix.length), tensor] as const],
    ),
  );
}

/** What was done to find a part, for people. */
export function partNotes({ prefix, left }: Part): string[] {
  const shown = left.slice(0, 4).map(quoted).join(', ');
  const more = left.length > 4 ? ` and ${left.length - 4} more` : '';
  return [
    ...(prefix === '' ? [] : [`names without their prefix ${quoted(prefix)}`]),
    ...(left.length === 0 ? [] : [`passed over, as no part of the network: ${shown}${more}`]),
  ];
}

/** The names under a prefix that may be a network's. */
function within<T extends Shaped>(
  tensors: ReadonlyMap<string, T>,
  names: Iterable<string>,
  prefix: string,
): Map<string, T> {
  const part = new Map<string, T>();
  for (const name of names) {
    if (!name.startsWith(prefix)) continue;
    const own = name.slice(prefix.length);
    const tensor = tensors.get(name)!;
    const counter = tensor.shape.length === 0 && !own.endsWith('num_batches_tracked');
    if (own !== '' && !counter && !isBeside(own)) part.set(own, tensor);
  }
  return part;
}

function isBeside(name: string): boolean {
  const [first] = name.split('.', 1) as [string];
  return first.length <= 64 && BESIDE.test(first);
}

/** What several names begin with, the shortest first. */
function prefixesOf(names: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const name of names)
    for (let at = name.indexOf('.'), depth = 1; at >= 0 && depth <= DEPTH; at = name.indexOf('.', at + 1)) {
      const prefix = name.slice(0, at + 1);
      counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
      depth++;
    }
  const depthOf = (prefix: string): number => prefix.split('.').length;
  return [...counts]
    .filter(([, count]) => count > 1)
    .sort(([a, n], [b, m]) => depthOf(a) - depthOf(b) || m - n)
    .slice(0, MOST)
    .map(([prefix]) => prefix);
}

/** The longest prefix of all names that ends with a dot. */
function common(names: readonly string[]): string {
  let prefix = names[0] ?? '';
  for (const name of names) while (!name.startsWith(prefix)) prefix = prefix.slice(0, -1);
  return prefix.slice(0, prefix.lastIndexOf('.') + 1);
}

function several(file: string, first: string, second: string): Error {
  const place = (prefix: string): string => (prefix === '' ? 'without a prefix' : `under ${quoted(prefix)}`);
  return new CheckpointError({
    what: `${file} holds more than one network`,
    expected: 'the weights of one',
    got: `one ${place(first)} and one ${place(second)}`,
    next: `in Python, save the one that you mean, such as torch.save({k[${second.length}:]: v for k, v in weights.items() if k.startswith(${quoted(second)})}, "weights.pth")`,
  });
}
