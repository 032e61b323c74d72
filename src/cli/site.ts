import { statSync } from 'node:fs';
import type { Command } from 'commander';
import { counted } from '../errors/counted.js';
import { printable } from '../errors/printable.js';
import type { Base } from '../site/build.js';
import { examples, filled, JSON_OUTPUT, pathName, refuse, repeated } from './options/options.js';
import { note, print, printJson } from './terminal/output.js';

interface Flags {
  readonly out: string;
  readonly base?: string;
  readonly live?: string;
  readonly notes?: string;
  readonly title?: string;
  readonly json?: boolean;
}

/** Default path of notes. */
const NOTES = 'notes';

export function register(program: Command): void {
  program
    .command('site')
    .summary('write the papers and chosen runs as a web site of plain files')
    .description(
      'Writes a site of static files: each paper with its notes, claims, figures, curves, network and code, and the runs that are named, in English and Chinese. It needs no server, loads nothing from elsewhere, and opens from disk. If the folder holds an earlier site, its files are replaced; other files stay.',
    )
    .argument('[runs...]', 'run folders that get a page', repeated(pathName('runs')))
    .option(
      '--out <dir>',
      'folder of the site: a new or empty one, or that of a former site',
      pathName('--out'),
      'site',
    )
    .option(
      '--base <address>',
      'where the site will be: a path such as /papers/, or an address such as https://example.org/papers/, which also adds feeds, previews of links and a sitemap (default: unknown)',
    )
    .option(
      '--notes <path>',
      'your own notes: a folder of Markdown files, or a notebook in one file (default: ./notes if it exists)',
      pathName('--notes'),
    )
    .option(
      '--live <run>',
      'run of a small classifier, at most 2 MB, which classifies visitors’ images in their browsers (default: none)',
      pathName('--live'),
    )
    .option('--title <text>', 'name of the site (default: Paperweight)', filled('--title'))
    .option(...JSON_OUTPUT)
    .addHelpText(
      'after',
      examples(
        'paperweight site --out site --notes notes',
        'paperweight site runs/my-run --live runs/small --base https://example.org/papers/',
      ),
    )
    .action(writeSite);
}

async function writeSite(runs: readonly string[], flags: Flags): Promise<void> {
  const { buildSite, parseBase } = await import('../site/build.js');
  const base = flags.base === undefined ? undefined : baseOf(flags.base, parseBase);
  const notes = flags.notes ?? (isFolder(NOTES) ? NOTES : undefined);
  const done = await buildSite({
    out: flags.out,
    runs,
    ...(notes === undefined ? {} : { notes }),
    ...(flags.live === undefined ? {} : { live: flags.live }),
    ...(flags.title === undefined ? {} : { title: flags.title }),
    ...(base ? { base } : {}),
  });
  for (const problem of done.problems) note(problem);
  if (flags.json) return printJson({ site: flags.out, ...done });
  print(`${printable(flags.out)}: ${counted(done.pages, 'page')}, ${counted(done.written, 'file')} written`);
  note(`Open ${printable(flags.out)}/index.html, or put the folder on any web server.`);
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

const baseOf = (text: string, parse: (text: string) => Base | undefined): Base =>
  parse(text) ??
  refuse('--base', text, 'a path that begins with /, or an address that begins with https:// or http://');
