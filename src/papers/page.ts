/** What a paper's page shows: its notes, its claims beside what was measured, its figures. */
export type Verdict = 'confirmed' | 'refuted' | 'trend only' | 'not measured';

export interface PaperPage {
  readonly id: string;
  readonly title: string;
  /** Markdown of `notes.md` and `notes.zh.md`, without the table of the claims. */
  readonly notes: { readonly en: string; readonly zh: string };
  readonly claims: readonly ClaimRow[];
  /** Images in the paper's `figures/` folder, served at `/api/papers/:id/figures/:file`. */
  readonly figures: readonly {
    /** The same one twice where the image has no Chinese words. */
    readonly file: { readonly en: string; readonly zh: string };
    readonly title: { readonly en: string; readonly zh: string };
  }[];
}

/** One row of "the paper says" beside "we measured". */
export interface ClaimRow {
  readonly id: string;
  /** Where in the paper, such as `3.1`. */
  readonly section: string;
  readonly statement: { readonly en: string; readonly zh: string };
  readonly paperSays: string;
  /** Empty unless measured. */
  readonly measured: string;
  readonly verdict: Verdict;
  /** Why it was not measured, or what limits the verdict. */
  readonly reason?: { readonly en: string; readonly zh: string };
}
