import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { figuresFolder, paperPage } from '../papers/build-page.js';
import { jobName } from '../papers/claims/job.js';
import { ResultFolder } from '../papers/claims/result.js';
import type { Paper } from '../papers/paper.js';
import { openPaper, paperFolder } from '../papers/registry.js';
import { describeModel } from '../serve/inference/describe-model.js';
import { chartOf } from './charts.js';
import { type Piece, readPiece, sizeOf } from './copies.js';
import type { SiteClaim, SiteCode, SiteImage, SitePaper, Training } from './page-types.js';

/** A paper's part of the site: its data, and the files that its page shows. */
export interface PaperPart {
  readonly paper: SitePaper;
  readonly pieces: readonly Piece[];
}

/** Everything about a paper that its page shows. @throws UsageError for an unknown paper */
export async function gatherPaper(id: string): Promise<PaperPart> {
  const paper = await openPaper(id);
  const folder = paperFolder(id);
  const page = await paperPage(id);
  const results = await ResultFolder.open(join(folder, 'results'), id);
  const pieces = new Map<string, Piece>();
  const add = async (file: string, path: string): Promise<Piece> => {
    const piece = pieces.get(path) ?? (await readPiece(file, path));
    pieces.set(path, piece);
    return piece;
  };

  const figures: SiteImage[] = [];
  for (const { file, title } of page.figures) {
    const place = (name: string) => `papers/${id}/${name}`;
    const first = await add(join(figuresFolder(id), file.en), place(file.en));
    if (file.zh !== file.en) await add(join(figuresFolder(id), file.zh), place(file.zh));
    const size = await sizeOf(first);
    figures.push({ file: { en: place(file.en), zh: place(file.zh) }, title, ...(size ? { size } : {}) });
  }

  const claims: SiteClaim[] = [];
  for (const row of page.claims) {
    const claim = paper.claims.find((each) => each.id === row.id)!;
    const runs: Training[] = [];
    for (const job of claim.needs ? [] : claim.jobs(results)) {
      const name = jobName(job);
      const { dataset } = job.variant;
      const result = results.get(job.variant, job.seed);
      if (!result) {
        runs.push({ name, dataset });
        continue;
      }
      const { path } = await add(
        join(folder, 'results', `${name}.json`),
        `papers/${id}/results/${name}.json`,
      );
      runs.push({ name, dataset, file: path, epochs: result.epochs.length, seconds: result.seconds });
    }
    claims.push({ ...row, rule: claim.rule, runs });
  }

  return {
    paper: {
      ...page,
      citation: paper.citation,
      claims,
      figures,
      charts: (paper.charts?.(results) ?? []).map(chartOf).filter(({ series }) => series.length > 0),
      network: await networkOf(paper),
      code: await codeIn(folder),
    },
    pieces: [...pieces.values()],
  };
}

/** Classes of the network that is drawn, as `inspect` has them. */
const CLASSES = 10;

/** The network of the first preset, which is the default one. */
async function networkOf(paper: Paper): Promise<NonNullable<SitePaper['network']>> {
  const [preset, about] = Object.entries(paper.presets)[0]!;
  const config = {
    paper: paper.id,
    preset,
    classes: Array.from({ length: CLASSES }, (_, i) => `class ${i}`),
    imageSize: paper.imageSize(preset),
    dropout: 0.5,
    init: paper.inits[0]!,
  };
  return { preset, about, detail: await describeModel(config) };
}

/** The files that a reader of a paper's page wants to see, in reading order. */
const CODE = ['model', 'recipe', 'training'];
const ENDINGS = ['.ts', '.js', '.mjs'];

/** These files, and those of the folder that the model imports. */
async function codeIn(folder: string): Promise<SiteCode[]> {
  const found: SiteCode[] = [];
  const add = async (name: string, deep: boolean): Promise<void> => {
    const file = ENDINGS.map((ending) => name + ending).find((each) => existsSync(join(folder, each)));
    if (file === undefined || found.some((each) => each.file === file)) return;
    const text = Buffer.from((await readPiece(join(folder, file), file)).bytes).toString('utf8');
    found.push({ file, text });
    if (deep) for (const [, other] of text.matchAll(/from '\.\/([\w-]+)\.js'/g)) await add(other!, true);
  };
  for (const name of CODE) await add(name, name === 'model');
  return found;
}
