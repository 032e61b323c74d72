/** Content of a paper's page: notes, claims with measurements, figures. */
export type Verdict = 'confirmed' | 'refuted' | 'trend only' | 'not measured';

export interface PaperPage {
  readonly id: string;
  readonly title: string;
  /** Markdown of `notes.md` and `notes.zh.md`, without the table of claims. */
  readonly notes: { readonly en: string; readonly zh: string };
  readonly claims: readonly ClaimRow[];
  /** Images in the paper's `figures/` folder, served at `/api/papers/:id/figures/:file`. */
  readonly figures: readonly {
    /** Both names are the same if the image contains no text to translate. */
    readonly file: { readonly en: string; readonly zh: string };
    readonly title: { readonly en: string; readonly zh: string };
  }[];
}

/** One row of the table of claims. */
export interface ClaimRow {
  readonly id: string;
  /** Section of the paper, such as `3.1`. */
  readonly section: { readonly en: string; readonly zh: string };
  readonly statement: { readonly en: string; readonly zh: string };
  readonly paperSays: { readonly en: string; readonly zh: string };
  /** Empty if not measured. */
  readonly measured: { readonly en: string; readonly zh: string };
  readonly verdict: Verdict;
  /** Why the claim was not measured, or what limits the verdict. */
  readonly reason?: { readonly en: string; readonly zh: string };
}
