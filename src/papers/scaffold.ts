import type { Language } from '../display/languages.js';

/** Names of a new paper. */
export interface NewPaper {
  /** Id: small letters, digits and hyphens; its folder, and its name on the command line. */
  readonly id: string;
  /** Name of its network. */
  readonly name: string;
}

/** A paper as a note about it describes it: a beginning, not a result. */
export interface PaperDraft {
  readonly name: string;
  readonly citation: string;
  readonly language: Language;
  /** The note in Markdown, without its title. */
  readonly notes: string;
  /** Sentences with numbers, which may be claims. */
  readonly claims: readonly { readonly section: string; readonly sentence: string; readonly says: string }[];
  /** Parts of the citation that were guessed from the text, and those that it does not have. */
  readonly guessed: readonly string[];
  readonly missing: readonly string[];
}

/** `network-in-network` → `NetworkInNetwork` */
const className = (id: string): string =>
  id
    .split('-')
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join('');

/** A string in code, with the quotes that the formatter would choose. */
const literal = (text: string): string => {
  const count = (quote: string): number => text.split(quote).length - 1;
  const double = JSON.stringify(text);
  if (count("'") > count('"')) return double;
  return `'${double.slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
};

/** A property whose value goes to a line of its own if it is long, as the formatter has it. */
const property = (name: string, value: string): string =>
  name.length + value.length > 105 ? `${name}:\n    ${value}` : `${name}: ${value}`;

/**
 * The files of a new paper's folder: a small network that trains immediately, to be replaced by the paper's network.
 *
 * @param draft the paper's name, citation, notes and claims, from a note about it
 */
export function scaffold({ id, name }: NewPaper, draft?: PaperDraft): ReadonlyMap<string, string> {
  const type = `${className(id)}Net`;
  const notes = (language: Language): string => {
    if (draft?.language === language) return draftNotes(name, draft);
    return language === 'zh' ? NOTES_ZH(name) : NOTES(name);
  };
  return new Map([
    ['model.ts', modelFile(type, name)],
    ['recipe.ts', RECIPE],
    ['claims.ts', draft && draft.claims.length > 0 ? draftClaims(draft) : claimsFile(type)],
    [
      'index.ts',
      indexFile(id, literal(name), literal(draft?.citation ?? 'Authors: title. Place, year'), type),
    ],
    [`${id}.test.ts`, testFile(type, literal(`${name} has 10 outputs and 10,986 parameters`))],
    ['notes.md', notes('en')],
    ['notes.zh.md', notes('zh')],
  ]);
}

/** Claims that nobody has checked yet, in the note's words. */
const draftClaims = ({ claims }: PaperDraft): string => `import type { Claim } from '../claims/claim.js';
import { unmeasured } from '../claims/kinds.js';

/** TODO: each of these is a sentence with a number from the notes. Check it in the paper, or delete it. */
const NEEDS = { en: 'TODO: from the notes, not checked', zh: 'TODO：取自笔记，尚未核对' };

/** TODO: what is measured, and what would confirm or refute it; then use another kind of claims/kinds.ts. */
const RULE = { en: 'TODO', zh: 'TODO' };

const fromNotes = (id: string, section: string, paperSays: string, sentence: string): Claim =>
  unmeasured({
    id,
    section,
    statement: { en: sentence, zh: sentence },
    paperSays,
    rule: RULE,
    needs: NEEDS,
  });

// biome-ignore format: one line for each sentence
export const claims: readonly Claim[] = [
${claims
  .map(
    ({ section, sentence, says }, i) =>
      `  fromNotes('todo-${i + 1}', ${[section, says, sentence].map(literal).join(', ')}),`,
  )
  .join('\n')}
];
`;

/** The note, with the place of the claims at its end. */
const draftNotes = (name: string, { notes, language, guessed, missing }: PaperDraft): string => {
  const todo = [
    ...(missing.length > 0
      ? [language === 'zh' ? `缺少：${missing.join('、')}` : `missing: ${missing.join(', ')}`]
      : []),
    ...(guessed.length > 0
      ? [
          language === 'zh'
            ? `猜测，请核对：${guessed.join('、')}`
            : `guessed, to be checked: ${guessed.join(', ')}`,
        ]
      : []),
  ];
  const lines = todo.length === 0 ? '' : `> TODO (index.ts) ${todo.join('; ')}\n\n`;
  return `# ${name}

${lines}${notes.trim()}

<!-- claims: written by \`paperweight reproduce\` -->

<!-- /claims -->
`;
};

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

const indexFile = (
  id: string,
  name: string,
  citation: string,
  type: string,
): string => `import { z } from 'zod';
import * as transforms from '../../data/transforms/index.js';
import { definePaper } from '../paper.js';
import { claims } from './claims.js';
import { ${type} } from './model.js';
import { recipes } from './recipe.js';

export default definePaper({
  id: '${id}',
  name: ${name},
  ${property('citation', citation)},
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
