// @ts-check
/*
 * Makes what `npm pack` and `npm publish` put into the package: the library and the command line without tests and
 * without source maps, whose sources are not in it, and the dashboard's bundled pages. All of `dist` goes first, so
 * that no file of an older build comes along; `npm start` and `npm test` compile theirs again.
 */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { buildWeb } from './build-web.mjs';
import { ROOT, SetupError, script } from './setup.mjs';

await script(async () => {
  rmSync(path.join(ROOT, 'dist'), { recursive: true, force: true });
  const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc');
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.package.json'], {
    cwd: ROOT,
    // Standard output belongs to npm, which may print JSON there.
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) throw new SetupError('The code does not compile. Next: fix the errors above.');
  await buildWeb();
});
