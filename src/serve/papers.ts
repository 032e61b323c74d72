import type { PaperPage } from '../papers/page.js';

/** Where the server finds the papers and their pages. */
export interface PaperSource {
  list(): readonly { readonly id: string; readonly title: string }[];
  /** @param id from `list()` */
  page(id: string): Promise<PaperPage>;
  /** Path of a file in the paper's `figures/`. */
  figure(id: string, file: string): string;
}

/** The papers of this package. None of them has a page yet. */
export const papers: PaperSource = {
  list: () => [],
  page: (id) => Promise.reject(new Error(`no paper ${id}`)),
  figure: (id) => {
    throw new Error(`no paper ${id}`);
  },
};
