import type { Command } from 'commander';
import { examples, pathName } from './options/options.js';

export function register(program: Command): void {
  program
    .command('new')
    .summary('start the folder of another paper')
    .description(
      'Makes a folder in src/papers with a model, a recipe, claims, notes and a test that work at once. It needs a clone of the repository.',
    )
    .argument('<paper>', 'its name: small letters, digits and hyphens')
    .option('--name <text>', 'what its network is called (default: the name)', pathName('--name'))
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
      what: `"${id}" cannot name a paper`,
      expected: 'small letters, digits and hyphens, such as network-in-network',
      got: `"${id}"`,
      next: 'choose another name; --name says how it is written',
    });
  if (!registry.isClone())
    throw new UsageError({
      what: 'A new paper needs the sources',
      expected: 'a clone of the repository',
      got: 'an installed package',
      next: 'clone the repository, run npm start in it once, and use npm run paperweight -- new',
    });
  const folder = registry.paperFolder(id);
  if (existsSync(folder))
    throw new UsageError({
      what: `There is a folder ${folder} already`,
      expected: 'a name that is free',
      got: `"${id}"`,
      next: 'choose another name, or go on in that folder',
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
