import { existsSync, readdirSync } from 'node:fs';
import { basename, delimiter, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { PaperweightError, UsageError } from '../errors/errors.js';
import { didYouMean } from '../errors/nearest.js';
import { manifest } from '../version.js';
import { isDefinedHere, type Paper } from './paper.js';

/** Folder of the compiled papers: each subfolder with an `index.js` is a paper. */
const COMPILED = fileURLToPath(new URL('.', import.meta.url));
/** Folder of their sources with notes, results and figures, which are part of the package. */
const SOURCES = fileURLToPath(new URL('../../../src/papers/', import.meta.url));

/** Environment variable with folders of papers that are not part of the package, each a paper or a parent of papers. */
const ELSEWHERE = 'PAPERWEIGHT_PAPERS';
const ENTRIES = ['index.js', 'index.mjs', 'index.ts'];

/** Papers that were opened from folders outside of the package, by id. */
const outside = new Map<string, { readonly paper: Paper; readonly folder: string }>();

/** A path rather than an id: it has a separator, or is a dot. */
const isPath = (name: string): boolean => /[/\\]/.test(name) || name === '.' || name === '..';

const entryOf = (folder: string): string | undefined =>
  ENTRIES.map((name) => join(folder, name)).find((file) => existsSync(file));

/** Folders of papers that the environment names, by the names of the folders. */
function foldersElsewhere(): Map<string, string> {
  const found = new Map<string, string>();
  for (const place of (process.env[ELSEWHERE] ?? '').split(delimiter).filter((name) => name !== '')) {
    const folder = resolve(place);
    if (entryOf(folder)) found.set(basename(folder), folder);
    else if (existsSync(folder))
      for (const entry of readdirSync(folder, { withFileTypes: true }))
        if (entry.isDirectory() && entryOf(join(folder, entry.name)))
          found.set(entry.name, join(folder, entry.name));
  }
  return found;
}

/** The ids of all papers, the default one first: those of the package, and those elsewhere that are known. */
export function paperIds(): string[] {
  const own = packaged();
  const opened = new Set([...outside.values()].map(({ folder }) => folder));
  const waiting = [...foldersElsewhere()].flatMap(([id, folder]) => (opened.has(folder) ? [] : [id]));
  const others = [...new Set([...waiting, ...outside.keys()])].filter((id) => !own.includes(id));
  return [...own, ...others.sort()];
}

function packaged(): string[] {
  const ids = readdirSync(COMPILED, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(COMPILED, entry.name, 'index.js')))
    .map((entry) => entry.name)
    .sort();
  const first = defaultPaper();
  return [...ids.filter((id) => id === first), ...ids.filter((id) => id !== first)];
}

/** Default paper of all commands: `paperweight.defaultPaper` in package.json. */
export const defaultPaper = (): string => manifest().paperweight.defaultPaper;

/**
 * @param name its id, or the folder of a paper outside of the package, as a person names it on the command line
 * @throws UsageError for one that does not exist
 */
export const openPaperNamed = async (name: string = defaultPaper()): Promise<Paper> =>
  isPath(name) ? openFolder(resolve(name)) : openPaper(name);

/**
 * @param name its id. Runs, files and requests name a paper by its id alone, so that they never load code from a place of
 *   their own.
 * @throws UsageError for one that does not exist
 */
export async function openPaper(name: string = defaultPaper()): Promise<Paper> {
  if (packaged().includes(name)) {
    const { default: paper } = (await import(`./${name}/index.js`)) as { default?: Paper };
    return checked(paper, `src/papers/${name}`, name);
  }
  const known = outside.get(name) ?? (await openElsewhere(name));
  if (known) return known.paper;
  const ids = paperIds();
  throw new UsageError({
    what: `There is no paper "${name}"`,
    expected: `one of ${ids.join(', ')}`,
    got: `"${name}"`,
    next: didYouMean(
      name,
      ids,
      `make a folder for it with: paperweight new; for a paper outside of the package, name its folder in ${ELSEWHERE}`,
    ),
  });
}

/** The paper of an id among the folders that the environment names, whose names need not be those of their papers. */
async function openElsewhere(id: string) {
  const folders = foldersElsewhere();
  const namesake = folders.get(id);
  if (namesake !== undefined) await openFolder(namesake);
  if (!outside.has(id)) for (const folder of folders.values()) await openFolder(folder);
  return outside.get(id) ?? [...outside.values()].find(({ folder }) => folder === namesake);
}

/** A paper in a folder outside of the package. */
async function openFolder(folder: string): Promise<Paper> {
  const entry = entryOf(folder);
  if (!entry)
    throw new UsageError({
      what: `${folder} is not the folder of a paper`,
      expected: `one of ${ENTRIES.join(', ')} in it`,
      got: existsSync(folder) ? 'none of them' : 'nothing there',
      next: 'name the folder of a paper, or its id',
    });
  const exports = (await import(pathToFileURL(entry).href).catch((error: Error) => {
    if (error instanceof PaperweightError) throw error;
    throw new UsageError({
      what: `The paper in ${folder} cannot be loaded`,
      expected: `a module that Node.js ${process.versions.node} can import`,
      got: error.message,
      next: missingPackage(error)
        ? `install what it imports in a folder above it: npm install paperweight zod`
        : entry.endsWith('.ts')
          ? 'compile it to index.js, or write types that Node.js can strip (no enums, no namespaces)'
          : 'fix the error in its code',
      cause: error,
    });
  })) as { default?: Paper };
  const paper = checked(exports.default, folder);
  if (!isDefinedHere(paper))
    throw new UsageError({
      what: `The paper in ${folder} uses another installation of paperweight than this command, or none`,
      expected: 'export default definePaper({…}) of the package that the command belongs to',
      got: 'a paper that was not made by it',
      next: 'run the command of the project that the paper belongs to: npx --no-install paperweight',
    });
  const before = outside.get(paper.id);
  if (packaged().includes(paper.id) || (before && before.folder !== folder))
    throw new UsageError({
      what: `The paper in ${folder} has an id that is taken`,
      expected: 'a unique id',
      got: `${paper.id}, which is in ${before?.folder ?? 'the package'}`,
      next: 'give it another id',
    });
  outside.set(paper.id, { paper, folder });
  return paper;
}

/** Whether a module was not found by the name of its package, which then is not installed. */
const missingPackage = (error: NodeJS.ErrnoException): boolean =>
  error.code === 'ERR_MODULE_NOT_FOUND' && error.message.startsWith('Cannot find package');

function checked(paper: Paper | undefined, where: string, id = paper?.id): Paper {
  if (typeof paper === 'object' && typeof paper.id === 'string' && paper.id === id) return paper;
  throw new UsageError({
    what: `The paper in ${where} cannot be used`,
    expected: `export default definePaper({ id: '${id ?? basename(where)}', … }) in its index.ts`,
    got: paper === undefined ? 'no default export' : `id ${String(paper.id)}`,
  });
}

/** The id of a paper that has been opened by this name. */
export const paperIdOf = (name: string): string =>
  [...outside].find(([, { folder }]) => isPath(name) && folder === resolve(name))?.[0] ?? name;

/** Whether the sources are those of a clone, which may be written to, and not of an installed package. */
export const isClone = (): boolean => existsSync(join(SOURCES, 'paper.ts'));

/** A paper's source folder: `notes.md`, `notes.zh.md`, `results/`, `figures/`. */
export const paperFolder = (id: string): string =>
  outside.get(id)?.folder ?? foldersElsewhere().get(id) ?? join(SOURCES, id);
