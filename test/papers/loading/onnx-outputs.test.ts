import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { Message } from '../../../src/files/protobuf.js';
import { Classifier } from '../../../src/papers/classifier.js';
import { openModel } from '../../../src/papers/loading/load.js';
import { tensor } from '../../../src/tensor/tensor.js';
import { evaluateModel } from '../../../src/train/evaluate.js';
import { runCli } from '../../support/cli.js';
import { int, ints, numbers, type WrittenNode, writeOnnx } from '../../support/onnx/writer.js';
import { scratch, ToySet } from '../../support/toy.js';

const floats = (name: string, shape: readonly number[], values: readonly number[]): Message =>
  shape
    .reduce((m, size) => m.int(1, size), new Message())
    .int(2, 1)
    .string(8, name)
    .bytes(9, new Uint8Array(Float32Array.from(values).buffer));

const SIDE = 8;
const node = (type: string, inputs: string[], output: string, axis?: number): WrittenNode => ({
  type,
  inputs,
  outputs: [output],
  ...(axis === undefined ? {} : { attributes: [int('axis', axis)] }),
});

interface Net {
  /** Nodes from `l` (the logits) to `y`. */
  readonly tail: readonly WrittenNode[];
  readonly bias?: readonly number[];
  readonly batch?: number | string;
  readonly tensors?: readonly Message[];
  /** Whether the output is [n]. */
  readonly flat?: boolean;
}

/** A network whose logits are the image's channel means times weights plus a bias. */
function net({ tail, bias = [0, 2.5, 0.3], batch = 'n', tensors = [], flat = false }: Net): Buffer {
  const n = bias.length;
  const weights = Array.from({ length: 3 * n }, (_, i) => ((i * 7) % 5) / 4 - 0.5);
  return Buffer.from(
    writeOnnx({
      opset: 13,
      input: [batch, 3, SIDE, SIDE],
      output: flat ? [batch] : [batch, n],
      outputs: ['y'],
      nodes: [
        { type: 'GlobalAveragePool', inputs: ['x'], outputs: ['g'] },
        { type: 'Flatten', inputs: ['g'], outputs: ['f'] },
        { type: 'Gemm', inputs: ['f', 'w', 'b'], outputs: ['l'] },
        ...tail,
      ],
      tensors: [
        floats('w', [3, n], weights),
        floats('b', [n], bias),
        numbers('shape', [-1, n]),
        floats('half', [1], [0.5]),
        ...tensors,
      ],
    }),
  );
}

async function open(t: TestContext, written: Net): Promise<Classifier> {
  const file = join(await scratch(t), 'm.onnx');
  await writeFile(file, net(written));
  return Classifier.open(file, { device: referenceDevice() });
}

const image = (value: number) => ({ data: new Uint8Array(3 * SIDE * SIDE).fill(value), side: SIDE });
const IMAGES = [image(10), image(200), image(90)];

/** Probabilities per class, for each image. */
async function odds(classifier: Classifier, images = IMAGES): Promise<number[][]> {
  const guesses = await classifier.classify(images, { top: 100 });
  return guesses.map((guess) =>
    classifier.classes.map((name) => guess.find(({ label }) => label === name)!.probability),
  );
}

function near(found: number[][], expected: number[][]): void {
  assert.equal(found.length, expected.length);
  for (const [i, row] of found.entries())
    for (const [k, p] of row.entries())
      assert.ok(Math.abs(p - expected[i]![k]!) < 1e-6, `${found} beside ${expected}`);
}

const IDENTITY = node('Identity', ['l'], 'y');

test('a softmax is applied once, wherever it is in the graph', async (t) => {
  const right = await odds(await open(t, { tail: [IDENTITY] }));
  assert.ok(right.every((row) => Math.abs(row.reduce((a, b) => a + b) - 1) < 1e-6));
  const p = node('Softmax', ['l'], 'p', 1);
  const tails: readonly (readonly WrittenNode[])[] = [
    [node('Softmax', ['l'], 'y', 1)],
    [node('LogSoftmax', ['l'], 'y', 1)],
    [p, node('Identity', ['p'], 'y')],
    [p, node('Reshape', ['p', 'shape'], 'y')],
    [p, node('Flatten', ['p'], 'q', 1), node('Reshape', ['q', 'shape'], 'y')],
    // Written with elementary operators, so no operator's name reveals it.
    [node('Exp', ['l'], 'e'), node('ReduceSum', ['e', 'axis'], 's'), node('Div', ['e', 's'], 'y')],
    // The mean of two models.
    [p, node('Add', ['p', 'p'], 'two'), node('Mul', ['two', 'half'], 'y')],
  ];
  for (const tail of tails) near(await odds(await open(t, { tail, tensors: [numbers('axis', [1])] })), right);
});

test('probabilities that are rounded to 0 have finite losses', async (t) => {
  const set = new ToySet(12, 2);
  const folder = await scratch(t);
  const bias = Array.from({ length: 10 }, (_, i) => 60 * i);
  const p = node('Softmax', ['l'], 'p', 1);
  const tails: Readonly<Record<string, readonly WrittenNode[]>> = {
    logits: [IDENTITY],
    softmax: [node('Softmax', ['l'], 'y', 1)],
    reshaped: [p, node('Flatten', ['p'], 'q', 1), node('Reshape', ['q', 'shape'], 'y')],
    'single operators': [
      { type: 'ReduceMax', inputs: ['l'], outputs: ['m'], attributes: [ints('axes', [1])] },
      node('Sub', ['l', 'm'], 'd'),
      node('Exp', ['d'], 'e'),
      node('ReduceSum', ['e', 'axis'], 's'),
      node('Div', ['e', 's'], 'y'),
    ],
  };
  const losses: number[] = [];
  for (const [title, tail] of Object.entries(tails))
    for (const batch of ['n', 5]) {
      const file = join(folder, `${title}-${batch}.onnx`);
      await writeFile(file, net({ tail, bias, batch, tensors: [numbers('axis', [1])] }));
      const { model, transform } = await openModel(file, referenceDevice());
      losses.push((await evaluateModel({ model, dataset: set, transform })).loss);
    }
  assert.ok(losses[0]! > 100, String(losses[0]));
  for (const loss of losses) assert.ok(Math.abs(loss - losses[0]!) < 1e-3 * losses[0]!, String(losses));
});

test('a sigmoid that is rounded to 0 or 1 keeps its logit', async (t) => {
  const two = await open(t, { tail: [node('Sigmoid', ['l'], 'y')], bias: [300] });
  for (const [no, yes] of await odds(two)) assert.deepEqual([no, yes], [0, 1]);
  const file = join(await scratch(t), 'm.onnx');
  await writeFile(file, net({ tail: [node('Sigmoid', ['l'], 'y')], bias: [300] }));
  const { model } = await openModel(file, referenceDevice());
  const [a, b] = await model
    .forward(tensor(new Float32Array(3 * SIDE * SIDE), { shape: [1, 3, SIDE, SIDE] }))
    .data();
  assert.equal(b! - a!, 300);
});

test('scaled or shifted logits remain logits, whatever their signs', async (t) => {
  const near1 = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-5, `${a} beside ${b}`);
  const plain = await odds(await open(t, { tail: [IDENTITY] }));
  const halved = await odds(await open(t, { tail: [node('Mul', ['l', 'half'], 'y')] }));
  for (const [i, row] of halved.entries())
    near1(2 * Math.log(row[1]! / row[0]!), Math.log(plain[i]![1]! / plain[i]![0]!));
  near(await odds(await open(t, { tail: [node('Add', ['l', 'half'], 'y')] })), plain);
});

test('sigmoids are independent probabilities', async (t) => {
  const logits = await open(t, { tail: [IDENTITY] });
  const own = await open(t, { tail: [node('Sigmoid', ['l'], 'p'), node('Identity', ['p'], 'y')] });
  assert.deepEqual([logits.independent, own.independent], [false, true]);
  assert.match(own.notes.join(), /each class has its own probability/);
  const found = await odds(own);
  // In both, the ratio of two classes depends on the difference of their logits.
  const softmax = await odds(logits);
  for (const [i, row] of found.entries()) {
    const l = row.map((p) => Math.log(p / (1 - p)));
    const expected = Math.log(softmax[i]![1]! / softmax[i]![0]!);
    assert.ok(Math.abs(l[1]! - l[0]! - expected) < 1e-4);
  }
});

test('a single sigmoid distinguishes two classes; a single number of another kind is refused', async (t) => {
  const bias = [-1.5];
  const two = await open(t, { tail: [node('Sigmoid', ['l'], 'y')], bias });
  assert.deepEqual(two.classes, ['class 0', 'class 1']);
  for (const [no, yes] of await odds(two)) {
    assert.ok(yes! > 0.05 && yes! < 0.6 && Math.abs(no! + yes! - 1) < 1e-6, `${no} ${yes}`);
  }
  const squeeze = node('Squeeze', ['p', 'last'], 'y');
  const squeezed = { bias, tensors: [numbers('last', [1])], flat: true };
  for (const batch of ['n', 1, 2])
    near(
      await odds(await open(t, { tail: [node('Sigmoid', ['l'], 'p'), squeeze], ...squeezed, batch })),
      await odds(two),
    );
  await assert.rejects(
    open(t, { tail: [node('Identity', ['l'], 'p'), squeeze], ...squeezed }),
    /not a probability/,
  );
  await assert.rejects(open(t, { tail: [IDENTITY], bias }), /one output, which is not a probability/);
  await assert.rejects(open(t, { tail: [node('Softmax', ['l'], 'y', 1)], bias }), /always 1/);
});

test('ambiguous outputs are refused', async (t) => {
  const across = [node('Softmax', ['l'], 'y', 0)];
  await assert.rejects(open(t, { tail: across }), /not over the classes/);
  const halves = [node('Softmax', ['l'], 'p', 1), node('Mul', ['p', 'half'], 'y')];
  await assert.rejects(open(t, { tail: halves }), /non-negative numbers that do not add up to 1/);
});

test('a file with a fixed batch size accepts any number of images', async (t) => {
  const right = await odds(await open(t, { tail: [IDENTITY] }));
  for (const batch of [1, 2, 3, 7]) {
    const fixed = await open(t, { tail: [IDENTITY], batch });
    near(await odds(fixed), right);
    near(await odds(fixed, IMAGES.slice(1)), right.slice(1));
  }
  // The input declares any batch size, but the graph works only for one image.
  const one = await open(t, {
    tail: [node('Reshape', ['l', 'row'], 'y')],
    tensors: [numbers('row', [1, -1])],
  });
  near(await odds(one), right);
});

test('eval agrees with the classifier, also with a fixed batch size', async (t) => {
  const set = new ToySet(23, 2);
  const folder = await scratch(t);
  const figures: unknown[] = [];
  const bias = Array.from({ length: 10 }, (_, i) => i / 7);
  for (const batch of ['n', 4]) {
    const file = join(folder, `${batch}.onnx`);
    await writeFile(file, net({ tail: [node('Softmax', ['l'], 'y', 1)], bias, batch }));
    const { model, transform, batch: batchSize } = await openModel(file, referenceDevice());
    assert.equal(batchSize, batch === 'n' ? undefined : 4);
    // For any number of images per call.
    for (const size of [4, 9])
      figures.push(await evaluateModel({ model, dataset: set, transform, batchSize: size }));
  }
  for (const { accuracy, loss } of figures as { accuracy: number; loss: number }[]) {
    assert.equal(accuracy, (figures[0] as { accuracy: number }).accuracy);
    assert.ok(Math.abs(loss - (figures[0] as { loss: number }).loss) < 1e-5);
  }
});

test('a wrong number of names is an error; eval refuses models with several classes per image', async (t) => {
  const folder = await scratch(t);
  const file = join(folder, 'm.onnx');
  await writeFile(file, net({ tail: [node('Sigmoid', ['l'], 'y')] }));
  await assert.rejects(
    Classifier.open(file, { device: referenceDevice(), classes: ['cat', 'dog'] }),
    /has 3 classes\. Expected 3 names; got 2: cat, dog/,
  );
  const named = await Classifier.open(file, { device: referenceDevice(), classes: ['cat', 'dog', 'elk'] });
  assert.deepEqual(named.classes, ['cat', 'dog', 'elk']);
  const { code, stderr } = await runCli(['eval', file, '--dataset', 'shapes10', '--device', 'reference']);
  assert.equal(code, 2);
  assert.match(stderr, /an independent probability for each class \(sigmoid\)/);
});
