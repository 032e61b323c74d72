import type { Command } from 'commander';
import { examples, pathName } from './options/options.js';

export function register(program: Command): void {
  program
    .command('new')
    .summary('create the folder of a new paper')
    .description(
      'Creates a folder in src/papers with a working model, recipe, claims, notes and test. Needs a clone of the repository.',
    )
    .argument('<paper>', 'id of the paper: small letters, digits and hyphens')
    .option('--name <text>', 'name of its network (default: the id)', pathName('--name'))
    .addHelpText('after', examples('paperweight new network-in-network --name "Network in Network"'))
    .action(makePaper);
}

async function makePaper(id: string, { name = id }: { name?: string }): Promise<void> {
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
  if (!/^[a-z][a-z0-9-]*$/.test(id))
    throw new UsageError({
      what: `"${id}" is not a valid id of a paper`,
      expected: 'small letters, digits and hyphens, such as network-in-network',
      got: `"${id}"`,
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
  for (const [file, text] of scaffold({ id, name })) {
    await atomic.writeFileAtomic(join(folder, file), text);
    output.print(join(folder, file));
  }
  output.note(`Compile and train it:
  npm run build
  npm run paperweight -- train --paper ${id} --dataset shapes10
  npm run paperweight -- reproduce ${id}
  npm test -- papers/${id}`);
}
