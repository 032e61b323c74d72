import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LANGUAGES, type Language } from '../../display/languages.js';
import { writeFileAtomic } from '../../files/atomic.js';
import { makeFolder } from '../../files/make-folder.js';
import type { ClaimRow, Verdict } from '../page-types.js';
import type { Paper } from '../paper.js';
import { judge, type Text, textOf } from './claim.js';
import type { Results } from './result.js';

/** The rows of the table of claims: what the paper says and what was measured. */
export const claimRows = ({ claims }: Paper, results: Results): ClaimRow[] =>
  claims.map((claim) => {
    const { id, section, statement, paperSays } = claim;
    const { verdict, measured, measuredZh, reason } = judge(claim, results);
    return {
      id,
      section: sectionIn(section),
      statement,
      paperSays: textOf(paperSays),
      measured: { en: measured, zh: measuredZh ?? measured },
      verdict,
      ...(reason ? { reason } : {}),
    };
  });

/** Words of the names of sections, which are English. */
const PLACES: readonly (readonly [english: RegExp, chinese: string])[] = [
  [/, /g, '，'],
  [/\bappendix /g, '附录 '],
  [/\bfigures (\d+) and (\d+)/g, '图 $1 和图 $2'],
  [/\bfigure /g, '图 '],
  [/\btable /g, '表 '],
  [/ centre\b/g, ' 中间'],
  [/ right\b/g, ' 右侧'],
  [/ left\b/g, ' 左侧'],
];

/** A section's name in both languages. */
const sectionIn = (section: string): Text => ({
  en: section,
  zh: PLACES.reduce((text, [english, chinese]) => text.replace(english, chinese), section),
});

const HEADS: Readonly<Record<Language, readonly string[]>> = {
  en: ['Section', 'Claim', 'Paper says', 'We measured', 'Verdict'],
  zh: ['章节', '论断', '论文所述', '实测', '结论'],
};

const VERDICTS: Readonly<Record<Language, Readonly<Record<Verdict, string>>>> = {
  en: {
    confirmed: 'confirmed',
    refuted: 'refuted',
    'trend only': 'trend only',
    'not measured': 'not measured',
  },
  zh: { confirmed: '证实', refuted: '不成立', 'trend only': '仅见趋势', 'not measured': '未测' },
};

/** The table in Markdown. */
function claimTable(rows: readonly ClaimRow[], language: Language): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  const [open, close] = language === 'en' ? [' (', ')'] : ['（', '）'];
  return [
    line(HEADS[language]),
    `|${HEADS[language].map(() => '---').join('|')}|`,
    ...rows.map((row) => {
      const why = row.reason ? `${open}${row.reason[language]}${close}` : '';
      return line([
        row.section[language],
        row.statement[language],
        row.paperSays[language] || '—',
        row.measured[language] || '—',
        `${VERDICTS[language][row.verdict]}${why}`,
      ]);
    }),
  ].join('\n');
}

const FILES: Readonly<Record<Language, string>> = { en: 'README.md', zh: 'README.zh-CN.md' };
const NOTES: Readonly<Record<Language, string>> = { en: 'notes.md', zh: 'notes.zh.md' };

const begin = '<!-- claims: written by `paperweight reproduce` -->';
const end = '<!-- /claims -->';

/**
 * Writes the table in both languages into the results folder, and into notes that contain the table's markers.
 *
 * @param notes folder of the notes
 */
export async function writeTables(
  paper: Paper,
  results: Results,
  folder: string,
  notes?: string,
): Promise<void> {
  const rows = claimRows(paper, results);
  await makeFolder(folder);
  for (const language of LANGUAGES) {
    const table = claimTable(rows, language);
    await write(join(folder, FILES[language]), page(paper, table, language));
    if (notes) await insert(join(notes, NOTES[language]), table);
  }
}

const page = ({ id, name, claims }: Paper, table: string, language: Language): string => {
  const colon = language === 'en' ? ': ' : '：';
  const rules = claims
    .filter(({ needs }) => !needs)
    .map(
      ({ id: claim, section, rule }) =>
        `- **${claim}** (${sectionIn(section)[language]})${colon}${rule[language]}`,
    )
    .join('\n');
  return language === 'en'
    ? `# ${name}: what the paper says and what we measured\n\nWritten by \`paperweight reproduce ${id}\` from the result files in this folder. ± is the standard deviation over seeds; after a difference, its standard error.\n\n${table}\n\n## How each claim is judged\n\n${rules}\n`
    : `# ${name}：论文所述与实测对照\n\n本表由 \`paperweight reproduce ${id}\` 根据同目录下的结果文件生成。± 为不同随机种子之间的标准差；差值后的 ± 为其标准误。\n\n${table}\n\n## 各论断的判定方法\n\n${rules}\n`;
};

async function insert(file: string, table: string): Promise<void> {
  if (!existsSync(file)) return;
  const text = await readFile(file, 'utf8');
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) return;
  await write(file, `${text.slice(0, from + begin.length)}\n\n${table}\n\n${text.slice(to)}`);
}

/** Notes without the table, for pages that show the claims separately. */
export function withoutTable(notes: string): string {
  const [from, to] = [notes.indexOf(begin), notes.indexOf(end)];
  return from < 0 || to < from ? notes : notes.slice(0, from) + notes.slice(to + end.length).trimStart();
}

/** Writes a file only if its content changes. */
async function write(file: string, text: string): Promise<void> {
  if (existsSync(file) && (await readFile(file, 'utf8')) === text) return;
  await writeFileAtomic(file, text);
}
