/**
 * All routes of the dashboard's server with their inputs and answers. Handlers, page requests and tests take their
 * types from this table, so a mismatch does not compile. Types only.
 *
 * `answer`: JSON with status 200. `working`: 202 with `Working` until the answer is ready. `events`: a stream of
 * server-sent events. `file`: bytes of that media type. `query`, `body` (JSON): input of the request. `image`:
 * `?index=17` selects a test image; without it the body is an image file.
 */
import type { PaperPage } from '../papers/page-types.js';
import type {
  Confusion,
  ControlRequest,
  FeatureMaps,
  Insight,
  Kernels,
  LoggedHistogram,
  LoggedImage,
  LogLine,
  MachineFigures,
  Meta,
  ModelDetail,
  PaperEntry,
  Prediction,
  RunChange,
  RunClock,
  RunCurve,
  RunDetail,
  RunEvent,
  RunOrigin,
  RunSummary,
  RunsEvent,
  Samples,
  Series,
  SeriesKey,
  SettingsTable,
  Working,
} from './api.js';

export interface RunRoutes {
  /** The most recent run first. */
  'GET /api/runs': { answer: readonly RunSummary[] };
  /** First every run once, then runs that appear, change or disappear. At most one event per second and run. */
  'GET /api/events': { events: RunsEvent };
  'GET /api/runs/:id': { answer: RunDetail };
  'PATCH /api/runs/:id': { body: RunChange; answer: RunSummary };
  /** Moves the run to `.trash` in the runs folder; a later server start removes it for good. */
  'DELETE /api/runs/:id': { answer: { readonly undo: string } };
  'POST /api/undo/:undo': { answer: RunSummary };
  /** The training process carries it out after the current step. */
  'POST /api/runs/:id/control': { body: ControlRequest; answer: { readonly id: string } };
  /**
   * Downsampled on the server: each bucket of steps has its mean and extremes. `from` and `to` are steps, inclusive;
   * default: the whole run.
   */
  'GET /api/runs/:id/series': {
    query: {
      /** Default: `loss`. */
      readonly keys?: readonly SeriesKey[];
      readonly from?: number;
      readonly to?: number;
      /** Default: 1000. */
      readonly points?: number;
    };
    answer: Series;
  };
  /** Names of the metrics that any of the runs has so far; ids as for `GET /api/curves`. */
  'GET /api/metrics': { query: { readonly runs: readonly string[] }; answer: readonly string[] };
  'GET /api/runs/:id/clock': { answer: RunClock };
  /** Means over the run, at most 300 points. */
  'GET /api/runs/:id/machine': { answer: MachineFigures };
  'GET /api/runs/:id/origin': { answer: RunOrigin };
  'GET /api/settings': { answer: SettingsTable };
  /** One metric of several runs, in their order; `from` and `to` are steps. */
  'GET /api/curves': {
    query: {
      /** Ids, each of them encoded as a part of an address; at most 200. */
      readonly runs: readonly string[];
      readonly name: string;
      readonly from?: number;
      readonly to?: number;
      /** Default: 300. */
      readonly points?: number;
      readonly clock?: 'yes';
    };
    answer: readonly RunCurve[];
  };
  /** `after`: an event's id, or a number of lines; the stream continues after it. */
  'GET /api/runs/:id/events': { query: { readonly after?: string | number }; events: RunEvent };
  /** The last 1,000 lines of `log.jsonl`. */
  'GET /api/runs/:id/log': { answer: readonly LogLine[] };
  /** `points` lines of `insights.jsonl` (default 200); only the last has histograms, unless `histograms=all`. */
  'GET /api/runs/:id/insights': {
    query: { readonly points?: number; readonly histograms?: 'all' };
    answer: readonly Insight[];
  };
  /** Steps with stored kernels of the first convolution, ascending. */
  'GET /api/runs/:id/kernels': { answer: readonly number[] };
  'GET /api/runs/:id/kernels/:step': { answer: Kernels };
  /** Steps with stored images of a generative model, ascending. */
  'GET /api/runs/:id/samples': { answer: readonly number[] };
  'GET /api/runs/:id/samples/:step': { answer: Samples };
  /** Distributions that a program logged, at most 64 of each name, ascending in steps. */
  'GET /api/runs/:id/histograms': { answer: readonly LoggedHistogram[] };
  /** Images in another program's event files; the newest of each name come last. */
  'GET /api/runs/:id/images': { answer: readonly LoggedImage[] };
  'GET /api/runs/:id/images/:index': { file: 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp' };
}

export interface ModelRoutes {
  'GET /api/runs/:id/model': { answer: ModelDetail };
  'POST /api/runs/:id/features': { query: { readonly layer: string }; image: true; answer: FeatureMaps };
  'POST /api/runs/:id/predict': { image: true; answer: Prediction };
  /** The network with the preparation of its images, for pages that classify by themselves. At most 250 MB. */
  'GET /api/runs/:id/onnx': { file: 'application/octet-stream' };
  /** Computed at first use, on a class-balanced sample of at most 2,000 test images. */
  'GET /api/runs/:id/confusion': { answer: Confusion; working: true };
  /** A test image of the run's data set at its stored size. */
  'GET /api/images/:run/:index': { file: 'image/png' };
}

export interface PaperRoutes {
  'GET /api/papers': { answer: readonly PaperEntry[] };
  'GET /api/papers/:id': { answer: PaperPage };
  'GET /api/papers/:id/figures/:file': {
    file: 'image/svg+xml' | 'image/png' | 'image/jpeg' | 'image/webp';
  };
}

export interface Routes extends RunRoutes, ModelRoutes, PaperRoutes {
  'GET /api/meta': { answer: Meta };
}

/** A method and a path whose segments `:name` are parameters. */
export type Route = keyof Routes;
/** Routes with an answer of the given kind: `answer`, `events` or `file`. */
export type RouteWith<Kind extends string> = {
  [R in Route]: Kind extends keyof Routes[R] ? R : never;
}[Route];

type NamesIn<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | NamesIn<Rest>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never;

/** Values of the `:name` segments in a request's path. */
export type Params<R extends Route> = Readonly<Record<NamesIn<R>, string>>;

type OwnQuery<R extends Route> = Routes[R] extends { query: infer Q } ? Q : Record<never, never>;
/** Query parameters of a route. */
export type Query<R extends Route> = OwnQuery<R> &
  (Routes[R] extends { image: true } ? { readonly index?: number } : Record<never, never>);
/** The JSON body of a request. */
export type Body<R extends Route> = Routes[R] extends { body: infer B } ? B : never;
/** The JSON of an answer. */
export type Answer<R extends Route> = Routes[R] extends { answer: infer A } ? A : never;
/** Possible answer while the server is still computing. */
export type Waiting<R extends Route> = Routes[R] extends { working: true } ? Working : never;
/** One event of a stream. */
export type EventOf<R extends Route> = Routes[R] extends {
  events: infer E extends { readonly event: string };
}
  ? E
  : never;
/** Media type of the bytes of an answer. */
export type FileType<R extends Route> = Routes[R] extends { file: infer T extends string } ? T : never;

type ParamsPart<R extends Route> = [NamesIn<R>] extends [never]
  ? { readonly params?: undefined }
  : { readonly params: Readonly<Record<NamesIn<R>, string | number>> };
type QueryPart<Q> = [keyof Q] extends [never]
  ? { readonly query?: undefined }
  : Record<never, never> extends Q
    ? { readonly query?: Q }
    : { readonly query: Q };
type BodyPart<R extends Route> = Routes[R] extends { image: true }
  ?
      | (QueryPart<OwnQuery<R> & { readonly index: number }> & { readonly body?: undefined })
      | (QueryPart<OwnQuery<R>> & { readonly body: Blob })
  : QueryPart<OwnQuery<R>> &
      ([Body<R>] extends [never] ? { readonly body?: undefined } : { readonly body: Body<R> });

/** Input of a request: path parameters, query and body. */
export type Input<R extends Route> = ParamsPart<R> & BodyPart<R>;
/** The input as a function argument, optional if none of it is required. */
export type InputArgument<R extends Route> =
  Record<never, never> extends Input<R> ? [input?: Input<R>] : [input: Input<R>];
