import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { languageOf, parseFrontMatter } from '../../../src/site/notes/front-matter.js';
import { headingsOf, sectionsOf } from '../../../src/site/notes/notebook.js';

describe('front matter', () => {
  it('has keys with values and lists, in the forms that people write', () => {
    const { fields, body, problems } = parseFrontMatter(
      '\uFEFF---\r\ntitle: "A: b"\r\n# a comment\r\nPeriod: 2024/07/28 -   \r\ntags: [cnn, relu, cnn]\r\npaper: some-net\r\nlang: zh-CN\r\nmood: fine\r\n---\r\ntext\r\n---\r\n',
      'n.md',
    );
    assert.deepEqual(fields, {
      title: 'A: b',
      period: '2024/07/28 –',
      tags: ['cnn', 'relu'],
      paper: 'some-net',
      language: 'zh',
    });
    assert.equal(body, 'text\n---\n');
    assert.deepEqual(problems, ['n.md: the key "mood" of its front matter is not known']);
    for (const tags of ['tags: a, b', 'tags:\n- a\n-  "b"', 'tags: a，b'])
      assert.deepEqual(parseFrontMatter(`---\n${tags}\n---\n`, 'n.md').fields.tags, ['a', 'b'], tags);
  });

  it('has lists whose items may have commas, and reports a value without an end', () => {
    const tagsOf = (text: string) => parseFrontMatter(`---\ntags: ${text}\n---\n`, 'n.md').fields.tags;
    assert.deepEqual(tagsOf(`[cnn, "a,b", 'c、d' , e f]`), ['cnn', 'a,b', 'c、d', 'e f']);
    assert.deepEqual(tagsOf('[a, b] # two'), ['a', 'b']);
    assert.deepEqual(tagsOf('"a" b, c'), ['"a" b', 'c']);
    assert.deepEqual(sectionsOf('# x\n> tags: a, "b, c"\n')[0]!.fields.tags, ['a', 'b, c']);
    for (const value of ['[open', '"open', "'open"])
      assert.match(
        parseFrontMatter(`---\ntitle: ${value}\n---\n`, 'n.md').problems.join(),
        /value of "title" has a bracket or quotation mark without an end/,
      );
    for (const value of ['[1] first', '"A" and b', 'plain ['])
      assert.deepEqual(parseFrontMatter(`---\ntitle: ${value}\n---\n`, 'n.md').problems, []);
  });

  it('is not there in notes that begin with text', () => {
    for (const text of ['', 'text', '\n---\na: b\n---', '--- \ntitle'])
      if (!text.startsWith('---')) assert.equal(parseFrontMatter(text, 'n.md').body, text);
  });

  it('is refused without an end, and for lines without a key', () => {
    assert.throws(() => parseFrontMatter('---\ntitle: x\n', 'n.md'), /front matter of n\.md has no end/);
    assert.throws(() => parseFrontMatter('---\ntitle: x\n* y\n---\n', 'n.md'), /Line 3 of n\.md/);
    assert.throws(() => parseFrontMatter('---\n- y\n---\n', 'n.md'), /Line 2 of n\.md/);
    assert.throws(() => parseFrontMatter('---\nlang: xx\n---\n', 'n.md'), /Expected en or zh; got xx/);
  });

  it('tells Chinese from English by the text outside of code', () => {
    assert.equal(languageOf('卷积层使用 ReLU 激活函数。'), 'zh');
    assert.equal(languageOf('The layer 卷积 is a convolution of the image with kernels.'), 'en');
    assert.equal(languageOf('```\n注释注释注释\n```\nplain words'), 'en');
    assert.equal(languageOf('~~~py\nfor i in range(3): print(i)\n~~~\n代码'), 'zh');
    assert.equal(languageOf(''), 'en');
  });
});

describe('a notebook', () => {
  it('is split at its highest headings, and not in code', () => {
    const sections = sectionsOf(
      [
        'Before.',
        '```python',
        '# a comment',
        '```',
        '## Net one',
        '> period: 2024/01 - 2024/02',
        '> tags: a, b',
        '',
        'One.',
        '> period: a quotation',
        '### Below',
        '~~~~',
        '## code',
        '~~~',
        '~~~~',
        '## *Net* [two](x) ##',
        'Two.',
      ].join('\r\n'),
    );
    assert.deepEqual(
      sections.map(({ fields }) => [fields.title, fields.period, fields.tags]),
      [
        [undefined, undefined, []],
        ['Net one', '2024/01 - 2024/02', ['a', 'b']],
        ['Net two', undefined, []],
      ],
    );
    assert.match(sections[0]!.body, /^Before\..*# a comment/s);
    assert.match(sections[1]!.body, /^One\.\n> period: a quotation\n### Below\n~~~~\n## code/);
  });

  it('without headings is one part, and an empty one none', () => {
    assert.deepEqual(sectionsOf('text'), [{ body: 'text', fields: { tags: [] } }]);
    assert.deepEqual(sectionsOf(' \n\n'), []);
    assert.deepEqual(sectionsOf('> paper: x'), []);
  });

  it('has headings with up to six marks and a space', () => {
    const lines = ['# a', '####### b', '#c', '   ## d ##', '    # code', '###### e'];
    assert.deepEqual(
      headingsOf(lines).map(({ level, text }) => `${level} ${text}`),
      ['1 a', '2 d', '6 e'],
    );
  });
});
