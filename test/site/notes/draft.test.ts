import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { draftFrom } from '../../../src/site/notes/draft.js';

const NOTE = `# Dropout

N. Srivastava, G. Hinton and A. Krizhevsky: *Dropout: a simple way to prevent overfitting*. JMLR 2014.

## 3.1 Motivation
Units are kept with probability 0.5, or 0.8 at the input. See Figure 1 and Section 4.

## Results
The best net has an error of 0.95 %, a standard one 1.60 %; both have 65 million
parameters. In 2014 nobody knew.

\`\`\`
99 % # of code
\`\`\`

- Training takes 2-3 times longer.
- 输入为224 × 224 × 3的图像。第三层有384个kernel；没有数字。

| 1 | 2 |
`;

describe('a draft of a paper', () => {
  it('has the citation and the sentences with numbers of a note, and says what was guessed', () => {
    const draft = draftFrom(NOTE, 'n.md');
    assert.equal(draft.name, 'Dropout');
    assert.equal(
      draft.citation,
      'N. Srivastava, G. Hinton and A. Krizhevsky: Dropout: a simple way to prevent overfitting. 2014',
    );
    assert.deepEqual([draft.guessed, draft.missing], [['authors', 'title', 'year'], []]);
    assert.deepEqual(
      draft.claims.map(({ section, says }) => `${section}: ${says}`),
      [
        '3.1: 0.5 · 0.8',
        'Results: 0.95 % · 1.60 % · 65 million',
        'Results: 2-3 times',
        'Results: 224 × 224 × 3',
        'Results: 384',
      ],
    );
    assert.match(draft.claims[1]!.sentence, /^The best net .* 65 million parameters\.$/);
  });

  it('takes what front matter and labels say, and invents nothing', () => {
    const said = draftFrom('---\ntitle: Net\nauthors: A. Nother\nyear: 2015\n---\nText.', 'n.md');
    assert.equal(said.citation, 'A. Nother: TODO title. 2015');
    assert.deepEqual([said.guessed, said.missing], [[], ['title']]);
    const labelled = draftFrom('作者：某人\n题目：某网络\n年份：2016\n\n正文。', 'n.md', 'some-net');
    assert.equal(labelled.citation, '某人: 某网络. 2016');
    assert.equal(labelled.language, 'zh');
    assert.equal(draftFrom('As in He et al. (2015).', 'n.md').citation, 'He et al.: TODO title. 2015');
    assert.match(draftFrom('arXiv:1207.0580', 'n.md').citation, /\. 2012$/);
    const none = draftFrom('Nothing is said here in 3.', 'n.md', 'some-net');
    assert.deepEqual([none.name, none.citation], ['some-net', 'TODO authors: TODO title. TODO year']);
    assert.deepEqual(none.missing, ['authors', 'title', 'year']);
  });

  it('of a notebook about several papers is of the one that is named', () => {
    const book = 'intro\n# Net One\n1 layer.\n# Net two\n> period: 2024\n2 layers.\n';
    assert.equal(draftFrom(book, 'n.md', 'net-two').notes, '2 layers.');
    assert.throws(() => draftFrom(book, 'n.md'), /about several papers.*"Net One", "Net two"/);
    assert.equal(draftFrom('intro\n# Net One\n1 layer.\n', 'n.md', 'other').name, 'Net One');
  });

  it('with headings that show nothing is one note', () => {
    for (const heading of ['# \u200b', '# ![](a.png)', '# **\u00ad**']) {
      const draft = draftFrom(`${heading}\nIt has 3 layers.`, 'n.md', 'net');
      assert.deepEqual([draft.name, draft.claims.length], ['net', 1]);
      assert.equal(draft.notes, `${heading}\nIt has 3 layers.`);
    }
  });

  it('is quick on long lines', () => {
    for (const line of [
      '1 × '.repeat(20_000),
      'A. B, '.repeat(20_000),
      '*"'.repeat(20_000),
      '('.repeat(50_000),
    ])
      assert.ok(draftFrom(line, 'n.md').claims.length <= 40);
  });
});
