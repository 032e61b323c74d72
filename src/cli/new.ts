import type { Command } from 'commander';
import { counted } from '../errors/counted.js';
import { isWindowsName } from '../files/system/windows-name.js';
import type { PaperDraft } from '../papers/scaffold.js';
import type { Piece } from '../site/copies.js';
import { examples, filled, pathName } from './options/options.js';

interface Flags {
  readonly name?: string;
  readonly from?: string;
}

export function register(program: Command): void {
  program
    .command('new')
    .summary('create the folder of a new paper')
    .description(
      'Creates a folder in src/papers with a working model, recipe, claims, notes and test. With --from, the citation, the notes, the figures and a list of possible claims are taken from a note about the paper. Needs a clone of the repository.',
    )
    .argument(
      '[paper]',
      'id of the paper: small letters, digits and hyphens (default with --from: from its title)',
    )
    .option(
      '--name <text>',
      'name of its network (default: the id, or the title of the note)',
      filled('--name'),
    )
    .option(
      '--from <file>',
      'note about the paper in Markdown: its sentences with numbers become claims to be checked, what was guessed is listed (default: none)',
      pathName('--from'),
    )
    .addHelpText(
      'after',
      examples(
        'paperweight new network-in-network --name "Network in Network"',
        'paperweight new --from notes/dropout.md',
      ),
    )
    .action(makePaper);
}

async function makePaper(given: string | undefined, flags: Flags): Promise<void> {
  const [{ existsSync }, { join }, { UsageError }, { makeFolder }, { scaffold }, registry, atomic, output] =
    await Promise.all([
      import('node:fs'),
      import('node:path'),
      import('../errors/errors.js'),
      import('../files/make-folder.js'),
      import('../papers/scaffold.js'),
      import('../papers/registry.js'),
      import('../files/atomic.js'),
      import('./terminal/output.js'),
    ]);
  const read = flags.from === undefined ? undefined : await readDraft(flags.from, given);
  const id =
    given ??
    read?.draft.name
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .replaceAll(/^[^a-z]+|-$/g, '') ??
    '';
  const name = flags.name ?? read?.draft.name ?? id;
  if (!/^[a-z][a-z0-9-]*$/.test(id) || !isWindowsName(id))
    throw new UsageError({
      what: given === undefined ? 'The new paper has no id' : `"${id}" is not a valid id of a paper`,
      expected:
        'small letters, digits and hyphens, such as network-in-network, and not the name of a device of Windows, such as con',
      got:
        given === undefined ? (read ? `the title "${read.draft.name}"` : 'no id and no --from') : `"${id}"`,
      next: 'choose another id; --name sets the displayed name',
    });
  if (!registry.isClone())
    throw new UsageError({
      what: 'A new paper needs the source code',
      expected: 'a clone of the repository',
      got: 'an installed package',
      next: 'clone the repository, run npm start in it once, and use npm run paperweight -- new',
    });
  const folder = registry.paperFolder(id);
  if (existsSync(folder))
    throw new UsageError({
      what: `The folder ${folder} already exists`,
      expected: 'an unused name',
      got: `"${id}"`,
      next: 'choose another name, or continue in that folder',
    });
  await makeFolder(folder);
  for (const [file, text] of scaffold({ id, name }, read?.draft)) {
    await atomic.writeFileAtomic(join(folder, file), text);
    output.print(join(folder, file));
  }
  for (const { path, bytes } of read?.figures ?? []) {
    await makeFolder(join(folder, 'figures'));
    await atomic.writeFileAtomic(join(folder, path), bytes);
    output.print(join(folder, path));
  }
  if (read) {
    const { draft, problems } = read;
    const list = (what: string, words: readonly string[]) => {
      if (words.length > 0) output.note(`${what}: ${words.join(', ')}`);
    };
    list('Guessed from the note, to be checked', draft.guessed);
    list('Not in the note', draft.missing);
    output.note(
      `Claims to be checked in the paper: ${counted(draft.claims.length, 'sentence')} with numbers.`,
    );
    for (const problem of problems) output.note(problem);
  }
  output.note(`Compile and train it:
  npm run build
  npm run paperweight -- train --paper ${id} --dataset shapes10
  npm run paperweight -- reproduce ${id}
  npm test -- papers/${id}`);
}

interface ReadDraft {
  readonly draft: PaperDraft;
  /** Its images, in `figures/` of the paper, with their titles. */
  readonly figures: readonly Piece[];
  readonly problems: readonly string[];
}

async function readDraft(file: string, id: string | undefined): Promise<ReadDraft> {
  const [{ readNote }, { draftFrom }, { withFigures }] = await Promise.all([
    import('../site/notes/notes.js'),
    import('../site/notes/draft.js'),
    import('../site/notes/figures.js'),
  ]);
  return withFigures(draftFrom(await readNote(file), file, id), file);
}
