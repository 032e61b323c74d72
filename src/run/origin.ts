import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { shellWord } from '../errors/shell-word.js';
import { version } from '../version.js';

/**
 * What a run was started with, for `machine` in its configuration.
 *
 * @param args arguments after `paperweight`
 */
export function describeOrigin(args: readonly string[]): Readonly<Record<string, string>> {
  const commit = commitOf(process.cwd());
  return {
    command: ['paperweight', ...args].map((word) => shellWord(word)).join(' '),
    version: version(),
    ...(commit === undefined ? {} : { commit }),
  };
}

/** The commit that is checked out in a folder's git repository; undefined if there is none. */
export function commitOf(folder: string): string | undefined {
  try {
    let at = resolve(folder);
    while (!existsSync(join(at, '.git'))) {
      if (dirname(at) === at) return undefined;
      at = dirname(at);
    }
    let git = join(at, '.git');
    // A worktree has a file that names the folder.
    if (statSync(git).isFile())
      git = resolve(
        at,
        readFileSync(git, 'utf8')
          .replace(/^gitdir: /, '')
          .trim(),
      );
    const head = readFileSync(join(git, 'HEAD'), 'utf8').trim();
    if (!head.startsWith('ref: ')) return hashIn(head);
    const ref = head.slice('ref: '.length);
    const common = join(git, 'commondir');
    const shared = existsSync(common) ? resolve(git, readFileSync(common, 'utf8').trim()) : git;
    for (const place of [git, shared])
      if (existsSync(join(place, ref))) return hashIn(readFileSync(join(place, ref), 'utf8').trim());
    const packed = readFileSync(join(shared, 'packed-refs'), 'utf8').split('\n');
    return hashIn(packed.find((line) => line.endsWith(` ${ref}`))?.split(' ')[0] ?? '');
  } catch {
    // A repository in an unknown form; the run does not need its commit.
    return undefined;
  }
}

const hashIn = (text: string): string | undefined => (/^[0-9a-f]{40,64}$/.test(text) ? text : undefined);
