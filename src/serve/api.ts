/**
 * What the dashboard's server and its pages say to each other. Types only: the server imports them, and so do
 * the pages. All paths are below `/api`; answers are JSON unless a comment says otherwise. An error is a 4xx or
 * 5xx status with an `ApiError`.
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

/** GET /api/meta */
export interface Meta {
  readonly version: string;
  /** Whether the buttons for pause, resume, stop, rename, tag and delete work (`--control`). */
  readonly control: boolean;
}

/** GET /api/runs → RunSummary[], the youngest first */
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

/** GET /api/runs/:id */
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

/**
 * PATCH /api/runs/:id with RunChange → RunSummary. DELETE /api/runs/:id → { undo: string };
 * POST /api/undo/:undo → RunSummary. A deleted run lies in the runs folder's `.trash` until a later start.
 */
export interface RunChange {
  readonly name?: string;
  readonly tags?: readonly string[];
}

/** POST /api/runs/:id/control with ControlRequest. Carried out by the training process after the step under way. */

export type SeriesKey = 'loss' | 'lr' | 'imagesPerSecond' | 'stepSeconds' | 'dataSeconds' | 'rssMiB';

/**
 * GET /api/runs/:id/series?keys=loss,lr&from=1&to=5000&points=1000
 *
 * Down-sampled on the server: each bucket of steps has its mean and extremes. `from`, `to` are steps, inclusive;
 * without them the whole run.
 */
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
 * GET /api/runs/:id/events (server-sent events). `event:` is the type, `data:` the object. `id:` is the number of
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

/**
 * GET /api/events (server-sent events): every run once, then which appeared, changed or went. At most one a second
 * a run.
 */
export type RunsEvent =
  | { readonly event: 'run'; readonly run: RunSummary }
  | { readonly event: 'gone'; readonly id: string };

/** GET /api/runs/:id/log → LogLine[], the last 1,000. Lines of `log.jsonl`. */

/**
 * GET /api/runs/:id/insights?points=200 → Insight[]. Lines of `insights.jsonl`, written now and then while a run
 * trains. Histograms come with the last one only, unless `?histograms=all`.
 */

/** GET /api/runs/:id/model */
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

/**
 * GET /api/runs/:id/kernels → steps of which conv1's kernels are kept, ascending.
 * GET /api/runs/:id/kernels/:step → Kernels.
 */
export interface Kernels {
  readonly step: number;
  readonly count: number;
  /** Side of a kernel in pixels. */
  readonly side: number;
  /** Base64 of count × side × side × 3 bytes, each kernel scaled to its own extremes about grey. */
  readonly rgb: string;
}

/**
 * An image to look at: POST …?index=17 takes a test image; without `index` the body is a JPEG, PNG or WebP.
 * POST /api/runs/:id/features?layer=features.2[&index=17] → FeatureMaps
 * POST /api/runs/:id/predict[?index=17] → Prediction
 */
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

/** GET /api/images/:run/:index → PNG of a test image of the run's data set, as it is on disk. */

/**
 * GET /api/runs/:id/confusion → Confusion. Measured on first use, on a sample of at most 2,000 test images, spread over the classes; 202 with
 * `Working` until it is there. `cells[t][p]` are indices of test images, at most 24 a cell.
 */
export interface Confusion {
  readonly classes: readonly string[];
  readonly counts: readonly (readonly number[])[];
  readonly cells: readonly (readonly (readonly number[])[])[];
  readonly images: number;
  readonly weights: string;
}
export interface Working {
  readonly working: string;
  readonly done: number;
  readonly total: number;
}

/** GET /api/papers → { id, title }[]; GET /api/papers/:id → PaperPage (`src/papers/page.ts`). */
