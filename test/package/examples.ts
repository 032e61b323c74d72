import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { drawImageFolder, synset } from '../support/draw-images.js';
import { type Consumer, node, ROOT, TSC } from './consumer.js';
import { docsTests } from './docs.js';

const CLASSES = 4;
/** Percent, with four classes; chance is 25. */
const MIN_ACCURACY = 75;

interface Guess {
  readonly label: string;
  readonly probability: number;
}

/** A service in a separate process. */
interface Running {
  readonly url: string;
  readonly child: ChildProcess;
  readonly stop: () => Promise<number | null>;
}

export function exampleTests(consumer: () => Consumer): void {
  describe('the examples and the pages', () => {
    let folder: string;
    let run: string;
    let images: string;
    const running = new Set<ChildProcess>();

    before(async () => {
      folder = consumer().folder;
      run = path.join(folder, 'run');
      images = path.join(folder, 'images');
      await drawImageFolder({ root: images, classes: CLASSES, train: 40, val: 20, size: [120, 90] });
      const main = path.join(folder, 'node_modules/.bin/paperweight');
      const flags = [
        '--preset',
        'four-layer',
        '--dataset',
        'shapes10',
        '--epochs',
        '1',
        '--max-steps',
        '150',
      ];
      const args = [main, 'train', ...flags, '--batch-size', '32', '--eval-limit', '100', '--run', run];
      const { code, stderr } = await node(args, { cwd: folder });
      assert.equal(code, 0, stderr);
    });
    after(() => {
      for (const child of running) child.kill('SIGKILL');
    });

    /** Compiles an example in a project that has the package installed. */
    async function compile(example: string): Promise<string> {
      const there = path.join(folder, example);
      const filter = (file: string) => !/[\\/](?:node_modules|dist)$/.test(file);
      await cp(path.join(ROOT, 'examples', example), there, { recursive: true, filter });
      const { code, stdout, stderr } = await node([TSC, '-p', '.'], { cwd: there });
      assert.equal(code, 0, stdout + stderr);
      return there;
    }

    docsTests(() => ({ folder, run, images }));

    test('the training template trains, saves and evaluates on shapes10', async () => {
      const there = path.join(folder, 'train');
      await cp(path.join(ROOT, 'examples/train.ts'), path.join(there, 'src/train.ts'));
      await cp(path.join(ROOT, 'examples/finetune/tsconfig.json'), path.join(there, 'tsconfig.json'));
      const compiled = await node([TSC, '-p', '.'], { cwd: there });
      assert.equal(compiled.code, 0, compiled.stdout);
      const few = ['--epochs', '2', '--batch', '4', '--images', '8', '--every', '2'];
      const args = ['dist/train.js', '--dataset', 'shapes10', ...few, '--out', 'weights.safetensors'];
      const { code, stdout, stderr } = await node(args, { cwd: there });
      assert.equal(code, 0, stderr);
      assert.match(
        stdout,
        /^\[1, 2\] loss: \d\.\d{3}\n\[2, 2\] loss: \d\.\d{3}\nFinished training\nAccuracy on the test set: [\d.]+ %\n$/,
      );
      const main = path.join(folder, 'node_modules/.bin/paperweight');
      const inspected = await node([main, 'inspect', 'weights.safetensors'], { cwd: there });
      assert.match(inspected.stdout, /58,322,314/);
    });

    test(`fine-tuning on images in folders learns ${CLASSES} new classes`, async (t) => {
      const there = await compile('finetune');
      const args = ['dist/finetune.js', run, images, '--epochs', '3', '--out', 'tuned.safetensors'];
      const { code, stdout, stderr } = await node(args, { cwd: there });
      assert.equal(code, 0, stderr);
      const accuracies = [...stdout.matchAll(/([\d.]+) % of 80 test images/g)].map((match) =>
        Number(match[1]),
      );
      t.diagnostic(`accuracy before and after each epoch: ${accuracies.join(', ')} %`);
      assert.equal(accuracies.length, 4);
      assert.ok(accuracies[0]! < 60, `before: ${accuracies[0]} %`);
      assert.ok(accuracies.at(-1)! >= MIN_ACCURACY, `after: ${accuracies.at(-1)} %`);
      const file = await readFile(path.join(there, 'tuned.safetensors'));
      assert.match(file.subarray(0, 4096).toString('latin1'), new RegExp(synset(3)));
    });

    describe('the service', () => {
      let main: string;
      let files: Buffer<ArrayBuffer>[];
      before(async () => {
        if (consumer().offline) return;
        main = path.join(await compile('service'), 'dist/main.js');
        const places = Array.from({ length: CLASSES }, (_, i) => path.join(images, 'val', synset(i)));
        const names = await Promise.all(
          places.map(async (place) => (await readdir(place)).map((name) => path.join(place, name))),
        );
        files = await Promise.all(names.flatMap((list) => list.slice(0, 6)).map((file) => readFile(file)));
      });

      async function start(...flags: string[]): Promise<Running> {
        const child = spawn(process.execPath, [main, run, '--port', '0', ...flags], {
          cwd: folder,
          stdio: ['ignore', 'pipe', 'inherit'],
          env: { ...process.env, PAPERWEIGHT_KERNELS: 'fixed', NODE_TEST_CONTEXT: undefined },
        });
        running.add(child);
        const ended = once(child, 'exit');
        for await (const line of createInterface(child.stdout)) {
          const url = /^Listening on (\S+)$/.exec(line)?.[1];
          if (!url) continue;
          const stop = async () => {
            child.kill('SIGTERM');
            const [code] = await ended;
            running.delete(child);
            return code as number | null;
          };
          return { url, child, stop };
        }
        assert.fail('the service has ended before it listened');
      }

      const ask = (url: string, body: string | Uint8Array<ArrayBuffer>, type = 'image/jpeg', query = '') =>
        fetch(`${url}/classify${query}`, { method: 'POST', body, headers: { 'content-type': type } });

      async function guesses(response: Response): Promise<Guess[]> {
        assert.equal(response.status, 200, await response.clone().text());
        const { results } = (await response.json()) as { results: { guesses: Guess[] }[] };
        return results[0]!.guesses;
      }

      function assertSame(actual: readonly Guess[], expected: readonly Guess[]): void {
        const known = new Map(expected.map(({ label, probability }) => [label, probability]));
        assert.equal(actual.length, expected.length);
        for (const { label, probability } of actual)
          assert.ok(Math.abs(probability - known.get(label)!) < 1e-4, `${label}: ${probability}`);
      }

      const skip = () => consumer().offline;

      test('concurrent requests share forward passes, and each gets its own answer', async (t) => {
        if (skip()) return t.skip(String(skip()));
        const { url, stop } = await start('--max-wait', '50');
        const alone: Guess[][] = [];
        for (const file of files) alone.push(await guesses(await ask(url, file, 'image/jpeg', '?top=10')));
        const tops = new Set(alone.map(([first]) => first!.label));
        assert.ok(tops.size > 1, 'the images differ in what is seen in them');
        const counts = async () =>
          (await (await fetch(`${url}/health`)).json()) as { batches: number; inputs: number };
        const before = await counts();
        assert.deepEqual([before.batches, before.inputs], [files.length, files.length]);
        const together = await Promise.all(files.map((file) => ask(url, file, 'image/jpeg', '?top=10')));
        for (const [i, response] of together.entries()) assertSame(await guesses(response), alone[i]!);
        const now = await counts();
        assert.equal(now.inputs - before.inputs, files.length);
        const batches = now.batches - before.batches;
        t.diagnostic(`${files.length} images in ${batches} forward passes`);
        assert.ok(batches < files.length / 2, `${batches} forward passes`);
        assert.equal(await stop(), 0);
      });

      test('forms with several images, and invalid requests', async (t) => {
        if (skip()) return t.skip(String(skip()));
        const { url, stop } = await start();
        const form = new FormData();
        for (const i of [0, 1])
          form.append('image', new Blob([files[i]!], { type: 'image/jpeg' }), `image ${i}.jpg`);
        const response = await fetch(`${url}/classify?top=2`, { method: 'POST', body: form });
        const { results } = (await response.json()) as { results: { name: string; guesses: Guess[] }[] };
        assert.deepEqual(
          results.map(({ name, guesses }) => [name, guesses.length]),
          [
            ['image 0.jpg', 2],
            ['image 1.jpg', 2],
          ],
        );
        const empty = new FormData();
        empty.append('image', 'text');
        const cases: [status: number, message: RegExp, response: Promise<Response>][] = [
          [415, /Expected image\/jpeg, .*got text\/plain/, ask(url, 'hello', 'text/plain')],
          [422, /cannot be decoded/, ask(url, 'not an image')],
          [422, /cannot be decoded/, ask(url, files[0]!.subarray(0, 500))],
          [413, /too large\. Expected at most 10485760 bytes/, ask(url, new Uint8Array(11 * 2 ** 20))],
          [400, /whole number .* as top; got "0"/, ask(url, files[0]!, 'image/jpeg', '?top=0')],
          [400, /Expected a file/, fetch(`${url}/classify`, { method: 'POST', body: empty })],
          [400, /multipart body is broken/, ask(url, 'x', 'multipart/form-data; boundary=y')],
          [404, /Expected POST \/classify/, fetch(`${url}/classify`)],
        ];
        for (const [status, message, asked] of cases) {
          const answer = await asked;
          const { error } = (await answer.json()) as { error: string };
          assert.equal(answer.status, status, error);
          assert.match(error, message);
        }
        // It still works afterwards.
        assert.equal((await guesses(await ask(url, files[0]!))).length, 5);
        assert.equal(await stop(), 0);
      });

      test('requests beyond the limit are refused with a retry time', async (t) => {
        if (skip()) return t.skip(String(skip()));
        const { url, stop } = await start('--max-queue', '3', '--max-wait', '200');
        const answers = await Promise.all(files.map((file) => ask(url, file)));
        const refused = answers.filter(({ status }) => status === 503);
        assert.ok(refused.length > 0, 'some were refused');
        assert.ok(refused.length < answers.length, 'some were answered');
        for (const answer of answers) {
          if (answer.status === 503) {
            assert.equal(answer.headers.get('retry-after'), '1');
            assert.match(((await answer.json()) as { error: string }).error, /ask again in 1 s/);
          } else assert.equal((await guesses(answer)).length, 5);
        }
        assert.equal(await stop(), 0);
      });

      test('a stopping service answers the requests that it has accepted', async (t) => {
        if (skip()) return t.skip(String(skip()));
        const { url, stop } = await start('--max-wait', '1000');
        const under = files.slice(0, 4).map((file) => ask(url, file));
        for (;;) {
          const { waiting, inputs } = (await (await fetch(`${url}/health`)).json()) as Record<string, number>;
          // On a busy machine some may have been answered before the last arrives.
          if (waiting! + inputs! >= under.length) break;
        }
        const stopped = stop();
        for (const answer of await Promise.all(under)) assert.equal((await guesses(answer)).length, 5);
        assert.equal(await stopped, 0);
        await assert.rejects(fetch(`${url}/health`));
      });
    });
  });
}
