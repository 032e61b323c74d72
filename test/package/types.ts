import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { type Consumer, node, TSC } from './consumer.js';

const STRICT = {
  strict: true,
  target: 'es2023',
  lib: ['es2023'],
  skipLibCheck: false,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  verbatimModuleSyntax: true,
};

const NODE_PROGRAM = `
import { Classifier, DataLoader, type Device, device, type Guess, nn, optim, Shapes10, transforms } from 'paperweight';
import { Tensor } from 'paperweight/core';
import alexnet, { AlexNet, FourLayerNet } from 'paperweight/papers/alexnet';
import { ResNet } from 'paperweight/papers/resnet';

const here: Device = await device.best({ threads: 1 });
const set = await Shapes10.open({ train: true, length: 40 });
const transform = transforms.compose([transforms.toTensor()]);
const loader = new DataLoader(set, { batchSize: 20, shuffle: true, transform });
const model = await new FourLayerNet({ numClasses: set.classes.length }).to(here);
const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
const criterion = new nn.CrossEntropyLoss();
const losses: number[] = [];
for await (const [inputs, labels] of loader) {
  optimizer.zeroGrad();
  const loss: Tensor = criterion.forward(model.forward(inputs), labels);
  loss.backward();
  optimizer.step();
  losses.push(await loss.item());
}
const guesses: readonly Guess[] = [];
await here.close();
console.log(losses.length, losses.every(Number.isFinite), guesses.length, alexnet.id, AlexNet.name, ResNet.name, Classifier.name);
`;

/** A wrong use of each kind must not compile: types that were lost would be \`any\`. */
const WRONG_PROGRAM = `
import { Classifier, nn, tensor } from 'paperweight';
import { AlexNet } from 'paperweight/papers/alexnet';
// @ts-expect-error the option's name
new AlexNet({ numberOfClasses: 10 });
// @ts-expect-error a text for a number
new nn.Linear('3', 4);
// @ts-expect-error a promise for a classifier
Classifier.open('x').classes;
// @ts-expect-error no such method
tensor([1]).nothing();
`;

const BROWSER_PROGRAM = `
import { nn, referenceDevice, tensor, type Device } from 'paperweight/core';
const device: Device = referenceDevice();
const model = new nn.Linear(2, 1);
export const run = async (): Promise<number> => {
  await model.to(device);
  return model.forward(tensor([[1, 2]])).item();
};
`;

async function compile(folder: string, options: object, files: Readonly<Record<string, string>>) {
  await mkdir(folder, { recursive: true });
  const compilerOptions = { ...STRICT, outDir: 'out', rootDir: '.', ...options };
  await writeFile(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text);
  const { code, stdout, stderr } = await node([TSC, '-p', '.'], { cwd: folder });
  assert.equal(code, 0, stdout + stderr);
}

export function typeTests(consumer: () => Consumer): void {
  for (const [moduleResolution, module] of [
    ['nodenext', 'nodenext'],
    ['node16', 'node16'],
    ['bundler', 'esnext'],
  ] as const)
    test(`a strict program compiles and runs under moduleResolution ${moduleResolution}`, async () => {
      const folder = path.join(consumer().folder, `types-${moduleResolution}`);
      const options = { moduleResolution, module, types: ['node'] };
      await compile(folder, options, { 'program.ts': NODE_PROGRAM, 'wrong.ts': WRONG_PROGRAM });
      const { code, stdout, stderr } = await node(['out/program.js'], { cwd: folder });
      assert.equal(code, 0, stderr);
      assert.equal(stdout.trim(), '2 true 0 alexnet AlexNet ResNet Classifier');
    });

  test('paperweight/core compiles with a browser’s types and none of Node’s', async () => {
    const folder = path.join(consumer().folder, 'types-browser');
    const options = { moduleResolution: 'bundler', module: 'esnext', types: [], lib: ['es2023', 'dom'] };
    await compile(folder, options, { 'program.ts': BROWSER_PROGRAM });
  });
}
