import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';

/** An import in a source file; paths are relative to the project, such as `src/graph/node.ts`. */
export interface Import {
  readonly from: string;
  /** The imported file, or the name of a package or a built-in module such as `node:fs`. */
  readonly to: string;
  /** Erased by the compiler. */
  readonly typeOnly: boolean;
  /** `import(…)`: loaded only when the program gets there. */
  readonly dynamic: boolean;
}

const STATEMENT =
  /^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s*)?'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm;

/** TypeScript files below a folder, without tests. */
export const sourceFiles = (root: string, folder: string): string[] =>
  codeFiles(root, folder).filter((name) => !name.endsWith('.test.ts'));

/** All TypeScript files below a folder. */
export function codeFiles(root: string, folder: string): string[] {
  return readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' })
    .map((name) => posix.join(folder, name.replaceAll('\\', '/')))
    .filter((name) => /\.tsx?$/.test(name))
    .sort();
}

/** All imports of the given files, in their order. */
export function importsOf(root: string, files: readonly string[]): Import[] {
  const known = new Set(files);
  return files.flatMap((from) =>
    [...readFileSync(`${root}${from}`, 'utf8').matchAll(STATEMENT)].map(([, type, fixed, dynamic]) => {
      const name = (fixed ?? dynamic)!;
      const path = name.startsWith('.')
        ? posix.join(posix.dirname(from), name).replace(/\.js$/, '')
        : name.replace(/^paperweight\/core$/, 'src/core');
      const to = [`${path}.ts`, `${path}.tsx`].find((file) => known.has(file)) ?? path;
      return { from, to, typeOnly: type !== undefined, dynamic: fixed === undefined };
    }),
  );
}

function byImporter(imports: readonly Import[]): Map<string, Import[]> {
  const groups = new Map<string, Import[]>();
  for (const one of imports) groups.set(one.from, [...(groups.get(one.from) ?? []), one]);
  return groups;
}

/** An import cycle, as a list of files that begins and ends with the same one; undefined without a cycle. */
export function importCycle(imports: readonly Import[]): string[] | undefined {
  const next = byImporter(imports);
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    path.push(file);
    for (const { to } of next.get(file) ?? []) {
      const found = visit(to);
      if (found) return found;
    }
    path.pop();
    done.add(file);
    return undefined;
  };
  for (const file of next.keys()) {
    const found = visit(file);
    if (found) return found;
  }
  return undefined;
}

/** All files imported at run time, directly or through others, each with the import that led there. */
export function reachable(imports: readonly Import[], from: readonly string[]): Import[] {
  const next = byImporter(imports.filter(({ typeOnly }) => !typeOnly));
  const found = new Map<string, Import>();
  const queue = [...from];
  for (let file = queue.pop(); file !== undefined; file = queue.pop())
    for (const one of next.get(file) ?? [])
      if (!found.has(one.to)) {
        found.set(one.to, one);
        queue.push(one.to);
      }
  return [...found.values()];
}
