import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { RequestError } from '../http/request-error.js';
import type { Router } from '../http/router.js';
import { isSegment } from '../runs/path-containment.js';
import type { PaperSource } from './paper-source.js';

const FIGURES: Readonly<Record<string, string>> = {
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
};

/** Adds the papers, their pages and their figures. */
export function addPaperRoutes(router: Router, papers: PaperSource): void {
  const known = async (id: string): Promise<string> => {
    if ((await papers.list()).some((paper) => paper.id === id)) return id;
    throw new RequestError(404, { what: 'There is no such paper', next: 'look at the list of papers' });
  };
  router
    .on('GET', '/api/papers', () => papers.list())
    .on('GET', '/api/papers/:id', async ({ params }) => papers.page(await known(params.id!)))
    .on('GET', '/api/papers/:id/figures/:file', async ({ response, params }) => {
      const type = FIGURES[extname(params.file!)];
      const figures = await papers.figures(await known(params.id!));
      const listed = figures.some(({ file: { en, zh } }) => en === params.file || zh === params.file);
      if (!type || !listed || !isSegment(params.file!))
        throw new RequestError(404, { what: 'The paper has no such figure' });
      const bytes = await readFile(papers.figure(params.id!, params.file!));
      response.writeHead(200, {
        'Content-Type': type,
        'Content-Length': bytes.length,
        'Cache-Control': 'no-cache',
      });
      response.end(bytes);
      return undefined;
    });
}
