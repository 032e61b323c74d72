// @ts-check
/*
 * npm start: sets up what is lacking, then trains AlexNet with the quick schedule; `npm start -- --seed 1` passes
 * flags on. The command line runs in this process, so that Ctrl-C reaches it once and its exit code is ours.
 */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, script, setup } from './setup.mjs';

await script(async () => {
  await setup();
  const { run } = await import(pathToFileURL(path.join(ROOT, 'dist/src/cli/program.js')).href);
  process.exitCode = await run(['train', '--preset', 'quick', ...process.argv.slice(2)]);
});
