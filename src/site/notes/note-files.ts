import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Folders in folders that are searched. */
const DEEPEST = 16;

/**
 * Markdown files of a folder and the folders in it, as paths from it with `/`. Hidden folders are left out, and so are
 * links: they could lead to a file that nobody wants to publish.
 *
 * @param problems gets what is left out
 */
export async function noteFiles(root: string, problems: string[], below = ''): Promise<string[]> {
  const found: string[] = [];
  const entries = await readdir(join(root, below), { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) {
      if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
      if (path.split('/').length > DEEPEST) problems.push(`${join(root, path)} is too deep, and is left out`);
      else found.push(...(await noteFiles(root, problems, path)));
    } else if (/\.(md|markdown)$/i.test(entry.name)) {
      if (entry.isFile()) found.push(path);
      else problems.push(`${join(root, path)} is not a regular file, and is left out`);
    }
  }
  return found;
}
