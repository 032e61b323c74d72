import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { createContext, runInContext } from 'node:vm';
import { build } from 'esbuild';
import { type Consumer, node } from './consumer.js';

const TRAINING = `
import { DataLoader, nn, optim, referenceDevice, Shapes10, manualSeed, transforms } from 'paperweight/core';
import { FourLayerNet } from 'paperweight/papers/alexnet';

export async function losses() {
  manualSeed(1);
  const set = await Shapes10.open({ train: true, length: 4 });
  const transform = transforms.compose([transforms.toTensor(), transforms.normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])]);
  const loader = new DataLoader(set, { batchSize: 4, transform });
  const model = await new FourLayerNet({ numClasses: 10, width: 'half' }).to(referenceDevice());
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.02, momentum: 0.9 });
  const criterion = new nn.CrossEntropyLoss();
  const found = [];
  for (let epoch = 0; epoch < 3; epoch++)
    for await (const [inputs, labels] of loader) {
      optimizer.zeroGrad();
      const loss = criterion.forward(model.forward(inputs), labels);
      loss.backward();
      optimizer.step();
      found.push(await loss.item());
    }
  return found;
}
`;

export function bundleTests(consumer: () => Consumer): void {
  test('paperweight/core is bundled for browsers, and trains without any of Node’s globals', async (t) => {
    const { folder } = consumer();
    await writeFile(path.join(folder, 'browser.js'), TRAINING);
    const { outputFiles } = await build({
      entryPoints: [path.join(folder, 'browser.js')],
      absWorkingDir: folder,
      bundle: true,
      minify: true,
      write: false,
      platform: 'browser',
      format: 'iife',
      globalName: 'program',
      logLevel: 'silent',
    });
    const { text, contents } = outputFiles[0]!;
    t.diagnostic(`${contents.byteLength} bytes`);
    // Beside the language itself only this is there.
    const context = createContext({
      setTimeout,
      queueMicrotask,
      TextEncoder,
      TextDecoder,
      performance,
      console,
    });
    runInContext(text, context);
    const losses = (await runInContext('program.losses()', context)) as number[];
    assert.equal(losses.length, 3);
    assert.ok(losses[2]! < losses[0]!, `the losses fall: ${losses}`);
  });

  test('a program for Node is bundled with the packages left outside', async () => {
    const { folder } = consumer();
    const source = `import { device } from 'paperweight';
      const here = await device.open('reference');
      console.log(here.device.name);
      await here.device.close();`;
    await writeFile(path.join(folder, 'program.js'), source);
    await build({
      entryPoints: [path.join(folder, 'program.js')],
      absWorkingDir: folder,
      outfile: path.join(folder, 'bundled/program.js'),
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      logLevel: 'silent',
    });
    const { code, stdout, stderr } = await node(['bundled/program.js'], { cwd: folder });
    assert.equal(code, 0, stderr);
    assert.equal(stdout.trim(), 'reference');
  });
}
