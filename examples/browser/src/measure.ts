import { DataLoader, encodeWeights, type nn, noGrad, Subset, type Tensor } from 'paperweight/core';
import { imagesOf, kernelsOf } from './images.js';
import type { Guesses, Kernels } from './protocol.js';
import { type Session, transformFor } from './session.js';

const TEST_IMAGES = 500;
/** Images that are shown. */
export const SHOWN = 12;

interface Judged {
  readonly guess: number;
  readonly probability: number;
}

/** What a network takes images for. The results are on their way while the next images are prepared. */
async function judge(model: nn.Module, inputs: Tensor): Promise<Judged[]> {
  const probabilities = noGrad(() => model.forward(inputs).softmax(1));
  const [rows, classes] = probabilities.shape as [number, number];
  const values = await probabilities.data();
  return Array.from({ length: rows }, (_, row) => {
    const own = [...values.subarray(row * classes, (row + 1) * classes)];
    const probability = Math.max(...own);
    return { guess: own.indexOf(probability), probability };
  });
}

/** Judges the first test images, in evaluation mode. */
async function judgeFirst({ model, testSet, settings }: Session, count: number) {
  const length = Math.min(count, testSet.length);
  const some = new Subset(
    testSet,
    Array.from({ length }, (_, i) => i),
  );
  const transform = transformFor(settings);
  const results: Promise<readonly [Judged[], ArrayLike<number>]>[] = [];
  model.eval();
  for await (const [inputs, labels] of new DataLoader(some, { batchSize: 100, transform }))
    results.push(Promise.all([judge(model, inputs), labels.data()]));
  model.train();
  return (await Promise.all(results)).flatMap(([judged, labels]) =>
    judged.map((one, i) => ({ ...one, label: labels[i]! })),
  );
}

/** The share of test images that a network recognises. */
export async function accuracyOf(session: Session): Promise<number> {
  const judged = await judgeFirst(session, TEST_IMAGES);
  return judged.filter(({ guess, label }) => guess === label).length / judged.length;
}

/** Kernels of the first convolution, and guesses of some test images. */
export async function lookAt(session: Session): Promise<{ kernels: Kernels; guesses: Guesses }> {
  const { testSet, model } = session;
  const judged = await judgeFirst(session, SHOWN);
  return {
    kernels: await kernelsOf(model),
    guesses: {
      ...imagesOf(
        testSet,
        judged.map((_, i) => i),
      ),
      guesses: judged.map(({ guess }) => testSet.classes[guess]!),
      probabilities: judged.map(({ probability }) => probability),
    },
  };
}

/** Weights as a safetensors file that says what they are of. */
export const weightsOf = ({ model, settings, trainSet }: Session): Promise<Uint8Array<ArrayBuffer>> =>
  encodeWeights(model, {
    network: settings.network,
    data: settings.data,
    classes: JSON.stringify(trainSet.classes),
  });
