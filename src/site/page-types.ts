/** What the pages of a site show: plain data, gathered by `src/site/`, drawn by `src/web/site/`. */
import type { Language } from '../display/languages.js';
import type { ClaimRow, PaperPage } from '../papers/page-types.js';
import type { ModelDetail } from '../serve/api.js';

export interface Bilingual {
  readonly en: string;
  readonly zh: string;
}

/** A training run by which a claim is judged. */
export interface Training {
  readonly name: string;
  /** Its result file: a path from the site's root. Missing if it has not been trained. */
  readonly file?: string;
  readonly epochs?: number;
  readonly seconds?: number;
  readonly dataset: string;
}

export interface SiteClaim extends ClaimRow {
  /** What is measured, and what would confirm or refute the claim. */
  readonly rule: Bilingual;
  readonly runs: readonly Training[];
}

/** A chart that can be hovered and zoomed. */
export interface SiteChart {
  /** Unique in its page: small letters, digits and hyphens. */
  readonly name: string;
  readonly title: Bilingual;
  readonly xLabel: Bilingual;
  readonly yLabel: Bilingual;
  /** After each number of the vertical axis, such as ` %`. */
  readonly unit: string;
  readonly log?: boolean;
  readonly dots?: boolean;
  /** A dash pattern for each series. */
  readonly dashed?: boolean;
  /** Ends of the vertical axis. */
  readonly range?: readonly [from: number, to: number];
  /** A value marked by a horizontal line. */
  readonly mark?: number;
  readonly series: readonly SiteSeries[];
}

export interface SiteSeries {
  readonly label: Bilingual;
  readonly x: readonly number[];
  /** Null ends a line; several lines of one series are training runs with other seeds. */
  readonly y: readonly (number | null)[];
  /** Positions of training runs that diverged. */
  readonly diverged?: readonly number[];
}

export interface SiteImage {
  /** Paths from the site's root, by language. */
  readonly file: Bilingual;
  readonly title: Bilingual;
  /** Pixels, if known: a page then does not jump when the image arrives. */
  readonly size?: { readonly width: number; readonly height: number };
}

export interface SiteCode {
  readonly file: string;
  readonly text: string;
}

export interface SitePaper extends Omit<PaperPage, 'claims' | 'figures'> {
  readonly citation: string;
  readonly claims: readonly SiteClaim[];
  readonly figures: readonly SiteImage[];
  readonly charts: readonly SiteChart[];
  /** The network of the first preset. */
  readonly network: { readonly preset: string; readonly about: string; readonly detail: ModelDetail };
  readonly code: readonly SiteCode[];
}

/** A run that was chosen for the site. */
export interface SiteRun {
  /** Name of its page: letters, digits, dots and hyphens. */
  readonly id: string;
  readonly name: string;
  /** Missing if a program logged the run itself. */
  readonly paper?: string;
  /** File name of such a program, if it is known. */
  readonly program?: string;
  /** In percent; only classifiers have one. */
  readonly accuracy?: number;
  /** Settings by their path in `config.json`. */
  readonly settings: readonly (readonly [name: string, value: string])[];
  readonly charts: readonly SiteChart[];
  readonly figures: readonly SiteImage[];
}

/** An image of a note, as it is in the site. */
export interface NoteImage {
  /** From the site's root. */
  readonly file: string;
  readonly size: { readonly width: number; readonly height: number };
}

/** A person's own note. */
export interface SiteNote {
  readonly id: string;
  readonly title: string;
  /** Language of its text; its page is among the pages of both languages. */
  readonly language: Language;
  /** Id of a paper of the site, or the name of another one. */
  readonly paper?: string;
  readonly period?: string;
  readonly tags: readonly string[];
  /** Its file, from the folder of the notes: other notes link to it. */
  readonly source: string;
  readonly markdown: string;
  /** Images that were found, by the name in the text. */
  readonly images: Readonly<Record<string, NoteImage>>;
}

/** The page that classifies visitors' images. */
export interface SiteLive {
  /** Name of the run whose weights it has. */
  readonly run: string;
  /** Id of its paper. */
  readonly paper: string;
  readonly classes: readonly string[];
  /** Size of the weights. */
  readonly bytes: number;
  /** Images as data URIs. */
  readonly examples: readonly { readonly image: string; readonly label: string }[];
  /** What the page for training is opened with, if it knows the network. */
  readonly train?: { readonly network: string; readonly data: string };
}

/** Device of a page: the best available one, or a named one. */
export type LiveDevice = 'auto' | 'wasm' | 'webgpu';

/** What `src/site/live/engine.ts` is in a page, as `paperweightLive`. */
export interface LiveEngine {
  open(onnx: Uint8Array, wanted?: LiveDevice): Promise<LiveModel>;
  squareOf(rgba: Uint8Array, width: number, height: number, side: number): Uint8Array;
}

/** A classifier that is ready. */
export interface LiveModel {
  /** Name of the device that computes. */
  readonly engine: string;
  readonly classes: readonly string[];
  /** Side of its images in pixels. */
  readonly side: number;
  /** @param square 3 × side × side bytes: the red, green and blue planes */
  classify(square: Uint8Array): Promise<LiveResult>;
}

export interface LiveResult {
  readonly probabilities: Float32Array;
  readonly maps: readonly LiveMaps[];
}

/** Outputs of a layer: count × height × width numbers. */
export interface LiveMaps {
  readonly name: string;
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly values: Float32Array;
}

export interface SiteContent {
  /** Title of the first page; default: the site's own. */
  readonly title?: string;
  /** Where the site will be, such as `https://example.org/papers/`; feeds and previews need it. */
  readonly address?: string;
  /** Path at its server, which begins and ends with `/`; only the page for missing addresses needs it. */
  readonly base?: string;
  readonly version: string;
  readonly papers: readonly SitePaper[];
  readonly runs: readonly SiteRun[];
  readonly notes: readonly SiteNote[];
  readonly live?: SiteLive;
}

/** A file of the site. */
export interface SiteFile {
  /** Path from the site's root. */
  readonly path: string;
  readonly text: string;
  /** Entry in the feed of a language; pages that are not news have none. */
  readonly entry?: { readonly language: Language; readonly title: string; readonly description: string };
}

/** What the bundle of the pages exports: `src/web/site/render.tsx`. */
export interface Renderer {
  /** All pages in all languages, and the files that are made from their texts. */
  readonly renderSite: (content: SiteContent) => SiteFile[];
  /** Messages about links and formulas of the notes that cannot be shown. */
  readonly problemsIn: (content: SiteContent) => string[];
  /** The source addresses of all images in a Markdown text, unchanged; undefined if it is nested too deeply. */
  readonly imagesIn: (markdown: string) => string[] | undefined;
}
