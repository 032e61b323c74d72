import { draftFrom } from '../../src/site/notes/draft.js';
import { languageOf, parseFrontMatter } from '../../src/site/notes/front-matter.js';
import { headingsOf, sectionsOf } from '../../src/site/notes/notebook.js';
import { bytesOf, textOf } from '../bytes.js';
import { must, type Target } from '../target.js';

const SEEDS = [
  '---\ntitle: Net\npaper: "a"\nperiod: 2024/07 -\ntags: [a, b]\nlang: zh\n---\n# One\n> period: 2024\n\nText 12 %.\n## 3.1 Below\n```py\n# code\n```\n',
  'before\r\n# One\r\nA. Nother, B. Others: *A title of a paper*. 2014.\r\n\r\n- 5 × 5 kernels\r\n# 二\r\n作者：某人\r\n第一层有96个11 × 11的核。\r\n',
];

/** A person's notes: front matter, parts of a notebook, and the draft of a paper from them. */
export const notesTarget: Target = {
  name: 'notes',
  format: 'bytes',
  seeds: () => SEEDS.map(bytesOf),
  words: [
    '---\n',
    '# ',
    '> period: ',
    '```',
    '~~~',
    'tags:',
    '\n- ',
    '[',
    ']',
    ' et al. (2015)',
    'arXiv:1207.0580',
  ],
  run: (input) => {
    const text = textOf(input);
    const { fields, body, problems } = parseFrontMatter(text, 'n.md');
    const lines = body.split('\n');
    for (const { line, level } of headingsOf(lines)) must(line < lines.length && level <= 6, 'a heading');
    const sections = sectionsOf(body);
    for (const section of sections) must(section.body.length <= body.length, 'a part is not longer');
    const draft = draftFrom(text, 'n.md', 'net');
    must(draft.claims.length <= 40, 'at most 40 claims');
    must(
      draft.guessed.every((key) => !draft.missing.includes(key)),
      'guessed or missing',
    );
    return [
      Object.keys(fields).join(),
      problems.length > 0,
      languageOf(body),
      Math.min(sections.length, 4),
      Math.min(draft.claims.length, 4),
      draft.guessed.join(),
    ].join(' ');
  },
};
