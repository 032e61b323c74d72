import { join } from 'node:path';
import type { PaperPage } from '../papers/page.js';
import { listPapers, paperPage } from '../papers/paper-page.js';
import { paperFolder } from '../papers/registry.js';

/** Where the server finds the papers and their pages. */
export interface PaperSource {
  list(): Promise<readonly { readonly id: string; readonly title: string }[]>;
  /** @param id from `list()` */
  page(id: string): Promise<PaperPage>;
  /** Path of a file in the paper's `figures/`. */
  figure(id: string, file: string): string;
}

/** The papers of this package. */
export const papers: PaperSource = {
  list: listPapers,
  page: paperPage,
  figure: (id, file) => join(paperFolder(id), 'figures', file),
};
