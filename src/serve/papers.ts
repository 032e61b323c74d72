import type { PaperPage } from '../papers/page.js';

/** Where the server finds the papers and their pages. */
export interface PaperSource {
  list(): readonly { readonly id: string; readonly title: string }[];
  /** @param id from `list()` */
  page(id: string): Promise<PaperPage>;
  /** Path of a file in the paper's `figures/`. */
  figure(id: string, file: string): string;
}
