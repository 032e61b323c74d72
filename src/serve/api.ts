/**
 * What the dashboard's server and its pages say to each other; `route-table.ts` says on which route. Types only: the
 * server imports them, and so do the pages. An error is a 4xx or 5xx status with an `ApiError`.
 *
 * POST, PATCH and DELETE carry `X-Paperweight: 1`, which a form of another site cannot send, and a `Content-Type`
 * of `application/json` or of an image where they have a body. 401: the token is missing or wrong. 403: not from
 * this page, or not without `--control`. 503: too much is under way; ask again later.
 */
import type { EpochEvent, LogLine, RunStatus, StepEvent } from '../run/events.js';

export type {
  ActivationInsight,
  ControlRequest,
  EpochEvent,
  Insight,
  LogLine,
  RunStatus,
  StepEvent,
} from '../run/events.js';

export interface ApiError {
  /** The thing, what was expected, what came and what to do next, as the command line would say it. */
  readonly error: {
    readonly what: string;
    readonly expected?: string;
    readonly got?: string;
    readonly next?: string;
  };
}

export interface Meta {
  readonly version: string;
  /** Whether the buttons for pause, resume, stop, rename, tag and delete work (`--control`). */
  readonly control: boolean;
}

export interface RunSummary {
  /** Name of the folder: one path segment. */
  readonly id: string;
  /** What a person calls it; the id unless it was renamed. */
  readonly name: string;
  readonly tags: readonly string[];
  readonly status: RunStatus;
  /** Why it failed. */
  readonly error?: string;
  readonly paper: string;
  readonly preset: string;
  readonly recipe: string;
  readonly dataset: string;
  readonly seed: number;
  /** ISO 8601. */
  readonly started: string;
  readonly updated: string;
  readonly step: number;
  readonly stepsTotal: number;
  readonly epoch: number;
  readonly epochs: number;
  /** Percent. */
  readonly bestAccuracy?: number;
  readonly lastLoss?: number;
  /** At most 60 points of the smoothed loss, for a spark line. */
  readonly spark: readonly number[];
}

export interface RunDetail extends RunSummary {
  /** `config.json` as it is. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly epochEvents: readonly EpochEvent[];
  readonly lastStep?: StepEvent;
  readonly checkpoints: readonly { readonly file: string; readonly step: number; readonly best: boolean }[];
  /** Lines of `metrics.jsonl` so far: the id after which the event stream goes on. Missing while `reading`. */
  readonly lines?: number;
  /**
   * The metrics are so long that they are still being read for the first time (bytes so far, and of all):
   * `epochEvents` is not complete. Ask again in a second.
   */
  readonly reading?: Working;
}

export interface RunChange {
  readonly name?: string;
  readonly tags?: readonly string[];
}

export type SeriesKey = 'loss' | 'lr' | 'imagesPerSecond' | 'stepSeconds' | 'dataSeconds' | 'rssMiB';

/** Some of a run's numbers over its steps, in buckets. */
export interface Series {
  /** Last step of each bucket. */
  readonly step: readonly number[];
  readonly values: Readonly<Partial<Record<SeriesKey, SeriesValues>>>;
  /** Steps of the run between `from` and `to` that were logged. */
  readonly total: number;
  /**
   * The metrics are so long that they are still being read for the first time: each bucket is a few neighbouring
   * steps instead of all. Ask again in a second.
   */
  readonly sampled?: true;
}

/** Of the finite numbers of each bucket; null where it has none. */
export interface SeriesValues {
  readonly mean: readonly (number | null)[];
  readonly min: readonly (number | null)[];
  readonly max: readonly (number | null)[];
  /** Steps without a finite number, the first of each bucket that has any; missing where all are finite. */
  readonly gaps?: readonly number[];
}

/**
 * Server-sent events of a run. `event:` is the type, `data:` the object. `id:` is the number of
 * the line in `metrics.jsonl` and a hash of it (`1200-9f2c01ab`): a text to hand back as it is. A client that
 * reconnects with `Last-Event-ID` or `?after=` gets every line after it; `?after=` also takes the plain number
 * `RunDetail.lines`. Without either, the stream begins with what comes next. Events without an id (status, insight,
 * line, note) are not sent again after a gap, but every stream begins with the status. `reset` says that the run
 * went back (it was resumed from a checkpoint): drop points after that step; the lines after it follow. A browser
 * has six connections to a server: close streams that nobody looks at.
 */
export type RunEvent =
  | StepEvent
  | EpochEvent
  /** A step that was left out, or whose loss is not a finite number. */
  | { readonly event: 'gap'; readonly step: number }
  | LogLine
  | { readonly event: 'status'; readonly status: RunStatus; readonly error?: string }
  | { readonly event: 'insight'; readonly step: number }
  | { readonly event: 'reset'; readonly step: number };

/** Server-sent events of the list of runs. */
export type RunsEvent =
  | { readonly event: 'run'; readonly run: RunSummary }
  | { readonly event: 'gone'; readonly id: string };

export interface ModelDetail {
  readonly inputShape: readonly number[];
  readonly parameters: number;
  readonly multiplyAdds: number;
  readonly layers: readonly {
    readonly name: string;
    readonly kind: string;
    /** Such as `96 × 11 × 11, stride 4, padding 2`; empty for a layer without settings. */
    readonly settings: string;
    readonly outputShape: readonly number[];
    readonly parameters: number;
    readonly multiplyAdds: number;
  }[];
}

/** conv1's kernels at a step. */
export interface Kernels {
  readonly step: number;
  readonly count: number;
  /** Side of a kernel in pixels. */
  readonly side: number;
  /** Base64 of count × side × side × 3 bytes, each kernel scaled to its own extremes about grey. */
  readonly rgb: string;
}

/** What a layer makes of an image. */
export interface FeatureMaps {
  readonly layer: string;
  readonly maps: number;
  /** Of all the layer's maps, when fewer are shown. */
  readonly mapsTotal: number;
  readonly height: number;
  readonly width: number;
  /** Base64 of maps × height × width bytes, scaled together. A fully connected layer is one map of height 1. */
  readonly grey: string;
  readonly min: number;
  readonly max: number;
}
export interface Prediction {
  readonly top: readonly { readonly label: string; readonly probability: number }[];
  /** The true label of a test image. */
  readonly label?: string;
  /**
   * Those of a sample of 1,000 test images, spread over the classes, whose features in the last hidden layer lie nearest (Euclidean); empty
   * while `working` says that these features are being computed: ask again.
   */
  readonly neighbours: readonly {
    readonly index: number;
    readonly label: string;
    readonly distance: number;
  }[];
  readonly working?: Working;
  /** Why no neighbours can be found, such as a data set that is not on this machine. */
  readonly problem?: string;
  /** File of the weights that answered. */
  readonly weights: string;
}

/** How often each class (row) was taken for each (column). */
export interface Confusion {
  readonly classes: readonly string[];
  readonly counts: readonly (readonly number[])[];
  /** Indices of test images, at most 24 a cell. */
  readonly cells: readonly (readonly (readonly number[])[])[];
  readonly images: number;
  readonly weights: string;
}
/** How far the server is with what takes it a while. */
export interface Working {
  readonly working: string;
  readonly done: number;
  readonly total: number;
}

/** A paper in the list; its page is `PaperPage` of `src/papers/page.ts`. */
export interface PaperEntry {
  readonly id: string;
  readonly title: string;
}
