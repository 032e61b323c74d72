import { CheckpointError } from '../errors/errors.js';
import { quoted } from '../errors/excerpt.js';

interface Shaped {
  readonly shape: readonly number[];
}

/** Selects the tensors of a network in a file whose names have a prefix or which holds other tensors too. */
export interface Part {
  /** Common prefix of the network's names, such as `model.`; may be empty. */
  readonly prefix: string;
  /** Other names in the file: metrics, counters, weights of a loss. */
  readonly left: readonly string[];
}

/** Selects the whole file. */
export const WHOLE: Part = { prefix: '', left: [] };

/** Name components that wrappers insert anywhere in a name; no layer has such a name. */
const INNER = new Set([
  '_orig_mod',
  '_fsdp_wrapped_module',
  '_checkpoint_wrapped_module',
  '_forward_module',
  '_flat_param_wrapped_module',
]);
/** Prefixes of all names: `module.` of DataParallel and AveragedModel, and the wrappers above. */
const OUTER = ['module.', ...[...INNER].map((part) => `${part}.`)];
/** Counter of `AveragedModel`. Batch norm layers have counters too; loading skips them. */
const AVERAGED = 'n_averaged';
/** Names of modules that training code keeps beside a network: losses, metrics, counters. */
const BESIDE =
  /^(?:(?:\w+_)?(?:criterion|criterions|criteria|loss|losses|loss_fn|loss_func|loss_function|metric|metrics|acc|accuracy|auroc|f1|confmat|confusion_matrix)(?:_\w+|\d+)?|n_averaged|epoch|step|global_step|num_updates|decay|best_\w+)$/i;
/** Maximum number of components of a prefix, and of prefixes to try. */
const DEPTH = 6;
const MOST = 64;

/**
 * Removes what wrappers add to names: `_orig_mod.` of torch.compile anywhere, and `module.` of DataParallel and
 * AveragedModel if all names begin with it.
 *
 * @throws CheckpointError if two names would become equal
 */
export function unwrap<T>(
  file: string,
  tensors: ReadonlyMap<string, T>,
): { tensors: Map<string, T>; notes: string[] } {
  const notes: string[] = [];
  let named = [...tensors];
  if (named.some(([name]) => name === AVERAGED)) {
    named = named.filter(([name]) => name !== AVERAGED);
    notes.push(`ignored: ${AVERAGED}`);
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
    what: `${file} has two tensors of the same name`,
    expected: `each name once, without ${removed.join(' and ')}`,
    got: `${quoted(name)} twice`,
    next: 'in Python, save one of the two models alone: torch.save(model.state_dict(), "weights.pth")',
  });
}

/**
 * Finds a network in a file of weights whose names have a prefix or which holds other tensors too.
 *
 * @param fits returns a result if the given tensors, named without the prefix, are those of a network, else undefined
 * @returns undefined if no part of the file fits
 * @throws CheckpointError if two parts fit, since the choice would be arbitrary
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
    // The remaining tensors may be a second network.
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

/** The tensors of a part, under the network's own names. */
export function partOf<T>(tensors: ReadonlyMap<string, T>, { prefix, left }: Part): Map<string, T> {
  const without = new Set(left);
  return new Map(
    [...tensors].flatMap(([name, tensor]) =>
      without.has(name) ? [] : [[name.slice(prefix.length), tensor] as const],
    ),
  );
}

/** Messages for the user about how a part was selected. */
export function partNotes({ prefix, left }: Part): string[] {
  const shown = left.slice(0, 4).map(quoted).join(', ');
  const more = left.length > 4 ? ` and ${left.length - 4} more` : '';
  return [
    ...(prefix === '' ? [] : [`names without their prefix ${quoted(prefix)}`]),
    ...(left.length === 0 ? [] : [`ignored, not part of the network: ${shown}${more}`]),
  ];
}

/** The names under a prefix that may belong to a network. */
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

/** Prefixes shared by several names, the shortest first. */
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

/** The longest common prefix that ends with a dot. */
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
    next: `in Python, save the one that you want, such as torch.save({k[${second.length}:]: v for k, v in weights.items() if k.startswith(${quoted(second)})}, "weights.pth")`,
  });
}
