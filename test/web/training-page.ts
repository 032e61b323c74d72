import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** The page of examples/browser, bundled in a temporary folder. */
export class TrainingPage {
  readonly #servers: ChildProcess[] = [];

  private constructor(readonly folder: string) {}

  static async build(): Promise<TrainingPage> {
    const folder = await mkdtemp(path.join(tmpdir(), 'paperweight-page-'));
    const modules = path.join(folder, 'node_modules');
    await cp(path.join(ROOT, 'examples/browser'), folder, {
      recursive: true,
      filter: (file) => !file.includes('node_modules') && !file.endsWith('dist'),
    });
    await mkdir(modules);
    await symlink(ROOT, path.join(modules, 'paperweight'));
    await symlink(path.join(ROOT, 'node_modules/esbuild'), path.join(modules, 'esbuild'));
    const build = spawn(process.execPath, ['build.mjs'], {
      cwd: folder,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const [code] = await once(build, 'exit');
    assert.equal(code, 0);
    return new TrainingPage(folder);
  }

  /** Compressed sizes of the page's scripts in bytes: what every visit loads, and what a GPU adds. */
  async scripts(): Promise<{ readonly processor: number; readonly gpu: number }> {
    const sizes = { processor: 0, gpu: 0 };
    const dist = path.join(this.folder, 'dist');
    for (const file of await readdir(dist)) {
      if (!file.endsWith('.js')) continue;
      // esbuild names the file after the module that is imported when a GPU is opened.
      sizes[file.startsWith('precision-') ? 'gpu' : 'processor'] += gzipSync(
        await readFile(path.join(dist, file)),
      ).length;
    }
    return sizes;
  }

  /** Serves the page with these options of serve.mjs. @returns its address */
  async serve(...options: readonly string[]): Promise<string> {
    const server = spawn(process.execPath, ['serve.mjs', '--port', '0', ...options], { cwd: this.folder });
    this.#servers.push(server);
    const [line] = (await once(server.stdout!, 'data')) as [Buffer];
    return String(line).trim();
  }

  async close(): Promise<void> {
    for (const server of this.#servers) server.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}
