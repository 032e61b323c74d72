import { CheckpointError } from '../../errors/errors.js';
import { quoted } from '../../errors/excerpt.js';
import type { Shapes } from '../paper.js';

/** Maximum number of modules that are left out, one after another. */
const MOST = 64;

/** Paths of the modules in a file: outer ones first, and among those the ones with few tensors. */
function modulesOf(shapes: Shapes): string[] {
  const counts = new Map<string, number>();
  for (const name of shapes.keys()) {
    const parts = name.split('.');
    for (let depth = 1; depth <= parts.length; depth++) {
      const path = parts.slice(0, depth).join('.');
      counts.set(path, (counts.get(path) ?? 0) + 1);
    }
  }
  const depthOf = (path: string): number => path.split('.').length;
  return [...counts].sort(([a, n], [b, m]) => depthOf(a) - depthOf(b) || n - m).map(([path]) => path);
}

const isIn = (name: string, path: string): boolean => name === path || name.startsWith(`${path}.`);

/**
 * Recognises a network in a file that also has other tensors, such as those of a second head.
 *
 * @param recognise returns the network of the given tensors, or undefined
 * @returns the network and the names of the other tensors; undefined if no network was recognised
 */
export function recogniseBesideExtras<R>(
  shapes: Shapes,
  recognise: (shapes: Shapes) => R | undefined,
): { found: R; extras: string[] } | undefined {
  const without = (paths: readonly string[]) => {
    const extras = [...shapes.keys()].filter((name) => paths.some((path) => isIn(name, path)));
    if (extras.length * 2 > shapes.size) return undefined;
    const rest = new Map([...shapes].filter(([name]) => !extras.includes(name)));
    const found = rest.size === 0 ? undefined : recognise(rest);
    return found && { found, extras };
  };
  const modules = modulesOf(shapes);
  const outer = modules.filter((path) => !path.includes('.')).slice(0, 8);
  const pairs = outer.flatMap((a, i) => outer.slice(i + 1).map((b) => [a, b]));
  const triples = pairs.flatMap(([a, b]) => outer.slice(outer.indexOf(b!) + 1).map((c) => [a!, b!, c]));
  for (const paths of [...modules.slice(0, MOST).map((path) => [path]), ...pairs, ...triples]) {
    const result = without(paths);
    if (result) return result;
  }
  return undefined;
}

/** @param network its name and preset */
export function extraTensorsError(
  file: string,
  network: string,
  extras: readonly string[],
  shapes: Shapes,
): Error {
  const shown = extras.slice(0, 4).map((name) => `${quoted(name)} [${shapes.get(name)!.join(', ')}]`);
  return new CheckpointError({
    what: `${file} holds the weights of ${network}, and tensors that are not part of it`,
    expected: 'the tensors of the network alone',
    got: `also ${shown.join(', ')}${extras.length > 4 ? ` and ${extras.length - 4} more` : ''}`,
    next: `save the file without them${extras.length > 4 ? '' : `, in Python: torch.save({k: v for k, v in weights.items() if k not in (${extras.map((name) => `${quoted(name)},`).join(' ')})}, "weights.pth")`}`,
  });
}
