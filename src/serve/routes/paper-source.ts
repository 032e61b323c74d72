import { join } from 'node:path';
import { figuresFolder, figuresIn, listPapers, paperPage } from '../../papers/build-page.js';
import type { PaperPage } from '../../papers/page-types.js';
import type { PaperEntry } from '../api.js';

/** Access to the papers and their pages. */
export interface PaperSource {
  list(): Promise<readonly PaperEntry[]>;
  /** @param id from `list()` */
  page(id: string): Promise<PaperPage>;
  /** The figures of the paper's page, without judging claims. */
  figures(id: string): Promise<PaperPage['figures']>;
  /** Path of a figure's file. */
  figure(id: string, file: string): string;
}

/** The papers of this package. */
export const papers: PaperSource = {
  list: listPapers,
  page: paperPage,
  figures: (id) => figuresIn(figuresFolder(id)),
  figure: (id, file) => join(figuresFolder(id), file),
};
