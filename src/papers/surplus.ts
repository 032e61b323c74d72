import { CheckpointError } from '../errors/errors.js';
import { quoted } from '../interop/prefixes.js';
import type { Shapes } from './paper.js';

/** Maximum number of parts of a file that are left out in turn. */
const MOST = 64;

/** The paths of modules in a file: the outer ones first, and of those the ones with few tensors. */
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
 * Finds a network in a file that has tensors besides it, as those of another head.
 *
 * @param recognise returns the network of given tensors, or undefined
 * @returns the network and the names of the other tensors; undefined if there is none
 */
export function withSurplus<R>(
  shapes: Shapes,
  recognise: (shapes: Shapes) => R | undefined,
): { found: R; surplus: string[] } | undefined {
  const without = (paths: readonly string[]) => {
    const surplus = [...shapes.keys()].filter((name) => paths.some((path) => isIn(name, path)));
    if (surplus.length * 2 > shapes.size) return undefined;
    const rest = new Map([...shapes].filter(([name]) => !surplus.includes(name)));
    const found = rest.size === 0 ? undefined : recognise(rest);
    return found && { found, surplus };
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
export function surplusError(
  file: string,
  network: string,
  surplus: readonly string[],
  shapes: Shapes,
): Error {
  const shown = surplus.slice(0, 4).map((name) => `${quoted(name)} [${shapes.get(name)!.join(', ')}]`);
  return new CheckpointError({
    what: `${file} holds the weights of ${network}, and tensors that are not part of it`,
    expected: 'the tensors of the network alone',
    got: `also ${shown.join(', ')}${surplus.length > 4 ? ` and ${surplus.length - 4} more` : ''}`,
    next: `save the file without them${surplus.length > 4 ? '' : `, in Python: torch.save({k: v for k, v in weights.items() if k not in (${surplus.map((name) => `${quoted(name)},`).join(' ')})}, "weights.pth")`}`,
  });
}
