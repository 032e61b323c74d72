import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { FileAnswer } from '../http/file-answer.js';
import { RequestError } from '../http/request-error.js';
import type { Handlers } from '../http/router.js';
import type { FileType, PaperRoutes } from '../route-table.js';
import { isSegment } from '../runs/path-containment.js';
import type { PaperSource } from './paper-source.js';

const FIGURES: Readonly<Record<string, FileType<'GET /api/papers/:id/figures/:file'>>> = {
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
};

/** Handlers for papers, their pages and their figures. */
export function paperRoutes(papers: PaperSource): Handlers<keyof PaperRoutes> {
  const known = async (id: string): Promise<string> => {
    if ((await papers.list()).some((paper) => paper.id === id)) return id;
    throw new RequestError(404, { what: 'This paper does not exist', next: 'see the list of papers' });
  };
  return {
    'GET /api/papers': () => papers.list(),
    'GET /api/papers/:id': async ({ params }) => papers.page(await known(params.id)),
    'GET /api/papers/:id/figures/:file': async ({ params }) => {
      const type = FIGURES[extname(params.file)];
      const figures = await papers.figures(await known(params.id));
      const listed = figures.some(({ file: { en, zh } }) => en === params.file || zh === params.file);
      if (!type || !listed || !isSegment(params.file))
        throw new RequestError(404, { what: 'The paper has no such figure' });
      return new FileAnswer(type, await readFile(papers.figure(params.id, params.file)), 'no-cache');
    },
  };
}
