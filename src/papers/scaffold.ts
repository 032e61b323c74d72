/** Names of a new paper. */
export interface NewPaper {
  /** Id: small letters, digits and hyphens; its folder, and its name on the command line. */
  readonly id: string;
  /** Name of its network. */
  readonly name: string;
}

/** `network-in-network` → `NetworkInNetwork` */
const className = (id: string): string =>
  id
    .split('-')
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join('');

/** A string in code, with the quotes that the formatter would choose. */
const literal = (text: string): string =>
  text.includes("'") ? JSON.stringify(text) : `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"')}'`;

/** The files of a new paper's folder: a small network that trains immediately, to be replaced by the paper's network. */
export function scaffold({ id, name }: NewPaper): ReadonlyMap<string, string> {
  const type = `${className(id)}Net`;
  return new Map([
    ['model.ts', modelFile(type, name)],
    ['recipe.ts', RECIPE],
    ['claims.ts', claimsFile(type)],
    ['index.ts', indexFile(id, literal(name), type)],
    [`${id}.test.ts`, testFile(type, literal(`${name} has 10 outputs and 10,986 parameters`))],
    ['notes.md', NOTES(name)],
    ['notes.zh.md', NOTES_ZH(name)],
  ]);
}

const modelFile = (type: string, name: string): string => `import { nn, type Tensor } from 'paperweight/core';

/** ${name.replaceAll('*/', '')}: a small network to start with. [N, 3, 32, 32] → logits [N, numClasses]. */
export class ${type} extends nn.Module {
  readonly features: nn.Sequential;
  readonly classifier: nn.Linear;

  constructor({ numClasses = 10 }: { numClasses?: number } = {}) {
    super();
    this.features = new nn.Sequential(
      new nn.Conv2d(3, 16, 5, { stride: 2, padding: 2 }),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Conv2d(16, 32, 3, { padding: 1 }),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Flatten(),
    );
    this.classifier = new nn.Linear(32 * 4 * 4, numClasses);
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(this.features.forward(x));
  }
}
`;

const RECIPE = `import type { Recipe } from '../paper.js';

export const recipes = {
  paper: {
    about: 'five epochs of SGD with a constant learning rate',
    model: { preset: 'paper', imageSize: 32, dropout: 0, init: 'pytorch' },
    epochs: 5,
    batchSize: 64,
    lr: 0.01,
    momentum: 0.9,
    weightDecay: 0,
    schedule: { kind: 'constant' },
    checkpointEvery: 500,
    logEvery: 100,
  },
} satisfies Record<string, Recipe>;
`;

const claimsFile = (type: string): string => `import { inspect } from '../../nn/inspect.js';
import type { Claim } from '../claims/claim.js';
import type { Variant } from '../claims/job.js';
import { compared, counted, testError } from '../claims/kinds.js';
import { partsOf } from '../paper.js';
import { ${type} } from './model.js';
import { recipes } from './recipe.js';

const { model, training } = partsOf(recipes.paper);

/** A training on shapes10, which needs no download; seconds are for two cores. */
const variant = (id: string, lr: number): Variant => ({
  id,
  dataset: 'shapes10',
  model,
  training: { ...training, lr, epochs: 1 },
  seconds: 20,
});

export const claims: readonly Claim[] = [
  counted({
    id: 'parameters',
    section: '1',
    statement: { en: 'The network is small.', zh: '网络很小。' },
    paperSays: '< 10,000',
    rule: { en: 'fewer than 10,000 parameters', zh: '参数少于 10,000 个' },
    judge: () => {
      const { parameters } = inspect(new ${type}(), [3, 32, 32]);
      return {
        verdict: parameters < 10_000 ? 'confirmed' : 'refuted',
        measured: parameters.toLocaleString('en-US'),
      };
    },
  }),
  compared({
    id: 'rate',
    section: '2',
    order: 1,
    statement: {
      en: 'A learning rate of 0.01 is better than 0.0001.',
      zh: '学习率 0.01 优于 0.0001。',
    },
    paperSays: '—',
    rule: { en: 'test error after one epoch, two seeds', zh: '一轮后的测试误差，两个种子' },
    less: { label: '0.01', variant: variant('rate-0.01', 0.01) },
    more: { label: '0.0001', variant: variant('rate-0.0001', 0.0001) },
    seeds: [0, 1],
    measure: testError,
  }),
];
`;

const indexFile = (id: string, name: string, type: string): string => `import { z } from 'zod';
import * as transforms from '../../data/transforms/index.js';
import { definePaper } from '../paper.js';
import { claims } from './claims.js';
import { ${type} } from './model.js';
import { recipes } from './recipe.js';

export default definePaper({
  id: '${id}',
  name: ${name},
  citation: 'Authors: title. Place, year',
  presets: { paper: 'as in the paper' },
  imageSize: () => 32,
  inits: ['pytorch'],
  options: z.object({}),
  recipes,
  build: ({ classes }) => new ${type}({ numClasses: classes.length }),
  transforms: ({ imageSize }) => {
    const transform = transforms.compose([
      transforms.resize([imageSize, imageSize]),
      transforms.toTensor(),
      transforms.normalize([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
    ]);
    return { train: transform, test: transform };
  },
  lastBias: 'classifier.bias',
  claims,
});
`;

const testFile = (type: string, name: string): string => `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from '../../nn/index.js';
import { ${type} } from './model.js';

test(${name}, () => {
  const { layers, parameters } = inspect(new ${type}(), [3, 32, 32]);
  assert.deepEqual(layers.at(-1)!.outputShape, [1, 10]);
  assert.equal(parameters, 10_986);
});
`;

const NOTES = (name: string): string => `# ${name}

Summary of the paper, differences from its implementations, our measurements, what we learned.

<!-- claims: written by \`paperweight reproduce\` -->

<!-- /claims -->
`;

const NOTES_ZH = (name: string): string => `# ${name}

论文概述、论文与各实现的差异、实测结果、经验总结。

<!-- claims: written by \`paperweight reproduce\` -->

<!-- /claims -->
`;
