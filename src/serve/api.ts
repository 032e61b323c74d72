/**
 * JSON types shared by the dashboard's server and its pages; `route-table.ts` lists the routes. Types only, imported by
 * both sides. An error is a 4xx or 5xx status with an `ApiError`.
 *
 * POST, PATCH and DELETE carry `X-Paperweight: 1`, which a form of another site cannot send; JSON carries its
 * `Content-Type`, an image is recognised by its first bytes. 401: the token is missing or wrong. 403: the request
 * comes from
 * another site, or needs `--control`. 503: the server is busy; ask again later.
 */

import type { Value } from '../display/run-query.js';
import type { EpochEvent, LogLine, RunStatus, StepEvent } from '../run/events.js';

export type {
  ActivationInsight,
  ClassifiedEpoch,
  ControlRequest,
  EpochEvent,
  Insight,
  LogLine,
  RunStatus,
  StepEvent,
} from '../run/events.js';

export interface ApiError {
  /** The fields of a `PaperweightError`, as the command line prints them. */
  readonly error: {
    readonly what: string;
    readonly expected?: string;
    readonly got?: string;
    readonly next?: string;
  };
}

export interface Meta {
  readonly version: string;
  /** Whether runs can be paused, resumed, stopped, renamed, tagged and deleted (`--control`). */
  readonly control: boolean;
}

export interface RunSummary {
  /** Of a user program (Logger), or of another program's TensorBoard files; missing for trained papers. */
  readonly kind?: 'program' | 'tensorboard';
  /** Name of the run's folder: one path segment. */
  readonly id: string;
  /** Display name; the id unless the run was renamed. */
  readonly name: string;
  readonly tags: readonly string[];
  /** The user's note about the run. */
  readonly note?: string;
  /** Colour of its curves, 1 to 8; without one, colours follow the order of the runs. */
  readonly color?: number;
  readonly status: RunStatus;
  /** Why the run failed. */
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
  /** Instead of an accuracy: the metric by which a paper chooses its best weights, and its best value. */
  readonly best?: { readonly metric: string; readonly value: number };
  readonly lastLoss?: number;
  /** The loss is NaN, or far above where it began. */
  readonly diverged?: true;
  /** Last values of other metrics, by their names in `Curve`. */
  readonly figures?: Readonly<Record<string, number>>;
  /** At most 60 points of the smoothed loss, for a sparkline. */
  readonly spark: readonly number[];
}

export interface RunDetail extends RunSummary {
  /** Content of `config.json`. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly epochEvents: readonly EpochEvent[];
  /** Number of test images; missing if the run does not record it. */
  readonly testImages?: number;
  readonly lastStep?: StepEvent;
  readonly checkpoints: readonly { readonly file: string; readonly step: number; readonly best: boolean }[];
  /** Lines of `metrics.jsonl` so far; the event stream continues after this number. Missing while `reading`. */
  readonly lines?: number;
  /**
   * Present while long metrics are still being read for the first time (bytes read, and bytes in total): `epochEvents` is
   * incomplete. Ask again in a second.
   */
  readonly reading?: Working;
}

export interface RunChange {
  readonly name?: string;
  readonly tags?: readonly string[];
  /** Empty to remove it. */
  readonly note?: string;
  /** 0 to remove it. */
  readonly color?: number;
}

export type SeriesKey = 'loss' | 'lr' | 'imagesPerSecond' | 'stepSeconds' | 'dataSeconds' | 'rssMiB';

/** Series of a run's metrics over its steps, averaged in buckets. */
export interface Series {
  /** Last step of each bucket. */
  readonly step: readonly number[];
  readonly values: Readonly<Partial<Record<SeriesKey, SeriesValues>>>;
  /** Number of logged steps between `from` and `to`. */
  readonly total: number;
  /**
   * Present while long metrics are still being read for the first time: each bucket covers a few neighbouring steps
   * instead of all. Ask again in a second.
   */
  readonly sampled?: true;
}

/**
 * One metric of a run. `name` is a series such as `loss`, or a path: `epoch/testAccuracy`, `test/NAME` and `train/NAME`
 * (the paper's additional metrics), `gradient/PARAMETER`, `norm/PARAMETER`, `dead/LAYER`, `active/LAYER`.
 */
export interface Curve extends SeriesValues {
  /** Last step of each bucket. */
  readonly step: readonly number[];
}

/** A metric of one of several runs. */
export interface RunCurve {
  readonly id: string;
  /** Missing if the run does not have the metric, or cannot be read. */
  readonly curve?: Curve;
  /** Present if it was asked for. */
  readonly clock?: RunClock;
}

/** What converts a run's steps to epochs and times, at a few hundred points. */
export interface RunClock {
  /** Start of the run in seconds since 1970. */
  readonly started: number;
  readonly step: readonly number[];
  /** Seconds spent in the steps up to each point. */
  readonly seconds: readonly number[];
  /** Last step of each epoch that has ended. */
  readonly epochs: readonly number[];
}

/** The settings of all runs, by their path in `config.json`. */
export interface SettingsTable {
  /** Settings that are the same in all runs. */
  readonly equal: Readonly<Record<string, Value>>;
  /** Names of the other settings. */
  readonly names: readonly string[];
  /** Their values by run, in the order of `names`; null if a run does not have one. */
  readonly runs: Readonly<Record<string, readonly (Value | null)[]>>;
}

/** Figures of a run's machine over time. */
export interface MachineFigures {
  /** Seconds since 1970. */
  readonly time: readonly number[];
  /** Null where a figure is missing; a name is missing if the machine does not report it. */
  readonly values: Readonly<
    Partial<
      Record<
        | 'cpu'
        | 'processCpu'
        | 'memory'
        | 'rssMiB'
        | 'diskRead'
        | 'diskWrite'
        | 'netIn'
        | 'netOut'
        | 'gpu'
        | 'gpuMiB',
        readonly (number | null)[]
      >
    >
  >;
}

/** Where a run comes from. */
export interface RunOrigin {
  /** The command that starts the same run. */
  readonly command?: string;
  /** Whether the command was recorded; otherwise it follows from the settings. */
  readonly recorded: boolean;
  /** Settings that the command cannot express. */
  readonly beyond: readonly string[];
  /** The settings of the run's preset; missing if this version does not know it. */
  readonly preset?: Readonly<Record<string, unknown>>;
  readonly data?: { readonly train: DataOrigin; readonly test: DataOrigin };
}

export interface DataOrigin {
  readonly images: number;
  /** Hash of the files, of data in folders. */
  readonly fingerprint?: string;
}

/** Statistics of the finite values in each bucket; null if a bucket has none. */
export interface SeriesValues {
  readonly mean: readonly (number | null)[];
  readonly min: readonly (number | null)[];
  readonly max: readonly (number | null)[];
  /** Steps with NaN or infinity, at most one per bucket (the first); missing if all values are finite. */
  readonly gaps?: readonly number[];
}

/**
 * Server-sent events of a run. `event:` is the type, `data:` the JSON object, `id:` the line number in `metrics.jsonl`
 * with a hash of the line (`1200-9f2c01ab`), to be treated as opaque. A client that reconnects with `Last-Event-ID` or
 * `?after=` gets every later line; `?after=` also accepts the plain number `RunDetail.lines`. Without either, the
 * stream starts with the next event. Events without an id (status, insight, line, note) are not repeated after an
 * interruption, but every stream starts with the status. `reset` means that the run was resumed from an earlier
 * checkpoint: drop points after its step; the later lines follow. Browsers allow six connections per server, so close
 * unused streams.
 */
export type RunEvent =
  | StepEvent
  | EpochEvent
  /** A step that was skipped, or whose loss is NaN or infinite. */
  | { readonly event: 'gap'; readonly step: number }
  | LogLine
  | { readonly event: 'status'; readonly status: RunStatus; readonly error?: string }
  | { readonly event: 'insight'; readonly step: number }
  | { readonly event: 'reset'; readonly step: number };

/** Server-sent events of the run list. */
export type RunsEvent =
  | { readonly event: 'run'; readonly run: RunSummary }
  | { readonly event: 'gone'; readonly id: string }
  | RunAlert;

/** Something that happened to a run. Sent once, to the clients that are connected then. */
export interface RunAlert {
  readonly event: 'alert';
  /** `stalled`: no step for long; `diverged`: the loss is NaN, or far above where it began. */
  readonly kind: 'done' | 'failed' | 'interrupted' | 'stalled' | 'diverged';
  readonly id: string;
  readonly name: string;
  readonly step: number;
  readonly error?: string;
}

export interface ModelDetail {
  /** Whether it names what is in an image. */
  readonly classifies: boolean;
  /**
   * Whether it takes one image of `inputShape`. Otherwise its layers are in the order in which it defines them, with empty
   * shapes and without multiply-adds.
   */
  readonly sized: boolean;
  readonly inputShape: readonly number[];
  readonly parameters: number;
  readonly multiplyAdds: number;
  readonly layers: readonly {
    readonly name: string;
    readonly kind: string;
    /** Such as `96 × 11 × 11, stride 4, padding 2`; empty for layers without settings. */
    readonly settings: string;
    readonly outputShape: readonly number[];
    readonly parameters: number;
    readonly multiplyAdds: number;
  }[];
}

/** Kernels of the first convolution at a step. */
export interface Kernels {
  readonly step: number;
  readonly count: number;
  /** Side of a kernel in pixels. */
  readonly side: number;
  /** Base64 of count × side × side × 3 bytes; each kernel is scaled to its own extremes around grey. */
  readonly rgb: string;
}

/** An image in another program's event file. */
export interface LoggedImage {
  readonly name: string;
  readonly step: number;
  /** Its place in the list of the run's images. */
  readonly index: number;
}

/** A logged distribution of numbers. */
export interface LoggedHistogram {
  readonly name: string;
  readonly step: number;
  readonly histogram: { readonly min: number; readonly max: number; readonly counts: readonly number[] };
}

/** Images that a generative model made at a step. */
export interface Samples {
  readonly step: number;
  readonly sets: readonly {
    readonly name: string;
    readonly count: number;
    readonly width: number;
    readonly height: number;
    readonly channels: 1 | 3;
    /** Base64 of count × height × width × channels bytes. */
    readonly pixels: string;
  }[];
}

/** Activations of a layer for an image. */
export interface FeatureMaps {
  readonly layer: string;
  readonly maps: number;
  /** Number of maps of the layer, of which fewer may be included. */
  readonly mapsTotal: number;
  readonly height: number;
  readonly width: number;
  /** Base64 of maps × height × width bytes with a common scale. A fully connected layer is one map of height 1. */
  readonly grey: string;
  readonly min: number;
  readonly max: number;
}
export interface Prediction {
  readonly top: readonly { readonly label: string; readonly probability: number }[];
  /** The true label of a test image. */
  readonly label?: string;
  /**
   * Nearest neighbours among a class-balanced sample of 1,000 test images, by Euclidean distance of features in the
   * last hidden layer; empty while `working` is set because features are still being computed: ask again.
   */
  readonly neighbours: readonly {
    readonly index: number;
    readonly label: string;
    readonly distance: number;
  }[];
  readonly working?: Working;
  /** Why neighbours are not available, for example because the data set is not on this machine. */
  readonly problem?: string;
  /** Name of the weights file used. */
  readonly weights: string;
}

/** Confusion matrix: rows are true classes, columns predicted classes. */
export interface Confusion {
  readonly classes: readonly string[];
  readonly counts: readonly (readonly number[])[];
  /** Indices of test images, at most 24 per cell. */
  readonly cells: readonly (readonly (readonly number[])[])[];
  readonly images: number;
  readonly weights: string;
}
/** Progress of a longer computation on the server. */
export interface Working {
  readonly working: string;
  readonly done: number;
  readonly total: number;
}

/** A paper in the list; its page is a `PaperPage` of `src/papers/page-types.ts`. */
export interface PaperEntry {
  readonly id: string;
  readonly title: string;
}
