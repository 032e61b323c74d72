/**
 * Every route of the dashboard's server: what it takes and what it answers. The server's handlers, the pages' requests
 * and the tests take their types from this table, so that none of them can disagree with another. Types only.
 *
 * `answer`: JSON with status 200. `working`: 202 with `Working` until the answer is there. `events`: a stream of
 * server-sent events. `file`: bytes of that media type. `query`, `body` (JSON): what goes with the request. `image`:
 * `?index=17` takes a test image; without it the body is a JPEG, PNG or WebP.
 */
import type { PaperPage } from '../papers/page.js';
import type {
  Confusion,
  ControlRequest,
  FeatureMaps,
  Insight,
  Kernels,
  LogLine,
  Meta,
  ModelDetail,
  PaperEntry,
  Prediction,
  RunChange,
  RunDetail,
  RunEvent,
  RunSummary,
  RunsEvent,
  Series,
  SeriesKey,
  Working,
} from './api.js';

export interface RunRoutes {
  /** The latest first. */
  'GET /api/runs': { answer: readonly RunSummary[] };
  /** Every run once, then which appeared, changed or went. At most one a second a run. */
  'GET /api/events': { events: RunsEvent };
  'GET /api/runs/:id': { answer: RunDetail };
  'PATCH /api/runs/:id': { body: RunChange; answer: RunSummary };
  /** A deleted run lies in the runs folder's `.trash` until a later start. */
  'DELETE /api/runs/:id': { answer: { readonly undo: string } };
  'POST /api/undo/:undo': { answer: RunSummary };
  /** Carried out by the training process after the step under way. */
  'POST /api/runs/:id/control': { body: ControlRequest; answer: { readonly id: string } };
  /**
   * Down-sampled on the server: each bucket of steps has its mean and extremes. `from` and `to` are steps, inclusive;
   * without them the whole run.
   */
  'GET /api/runs/:id/series': {
    query: {
      /** `loss` if it is missing. */
      readonly keys?: readonly SeriesKey[];
      readonly from?: number;
      readonly to?: number;
      /** 1000 if it is missing. */
      readonly points?: number;
    };
    answer: Series;
  };
  /** `after`: an event's id, or a number of lines; the stream goes on behind it. */
  'GET /api/runs/:id/events': { query: { readonly after?: string | number }; events: RunEvent };
  /** The last 1,000 lines of `log.jsonl`. */
  'GET /api/runs/:id/log': { answer: readonly LogLine[] };
  /** Lines of `insights.jsonl`, `points` of them, 200 if it is missing; histograms with the last one only, unless all. */
  'GET /api/runs/:id/insights': {
    query: { readonly points?: number; readonly histograms?: 'all' };
    answer: readonly Insight[];
  };
  /** Steps of which conv1's kernels are kept, ascending. */
  'GET /api/runs/:id/kernels': { answer: readonly number[] };
  'GET /api/runs/:id/kernels/:step': { answer: Kernels };
}

export interface ModelRoutes {
  'GET /api/runs/:id/model': { answer: ModelDetail };
  'POST /api/runs/:id/features': { query: { readonly layer: string }; image: true; answer: FeatureMaps };
  'POST /api/runs/:id/predict': { image: true; answer: Prediction };
  /** Measured on first use, on a sample of at most 2,000 test images, spread over the classes. */
  'GET /api/runs/:id/confusion': { answer: Confusion; working: true };
  /** A test image of the run's data set, as it is on disk. */
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
/** Routes whose answer is of a kind: `answer`, `events` or `file`. */
export type RouteWith<Kind extends string> = {
  [R in Route]: Kind extends keyof Routes[R] ? R : never;
}[Route];

type NamesIn<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | NamesIn<Rest>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never;

/** What stands at `:name` in a request's path. */
export type Params<R extends Route> = Readonly<Record<NamesIn<R>, string>>;

type OwnQuery<R extends Route> = Routes[R] extends { query: infer Q } ? Q : Record<never, never>;
/** What may stand in a request's query. */
export type Query<R extends Route> = OwnQuery<R> &
  (Routes[R] extends { image: true } ? { readonly index?: number } : Record<never, never>);
/** The JSON body of a request. */
export type Body<R extends Route> = Routes[R] extends { body: infer B } ? B : never;
/** The JSON of an answer. */
export type Answer<R extends Route> = Routes[R] extends { answer: infer A } ? A : never;
/** What the server may say instead of an answer. */
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

/** What a client sends with a request. */
export type Input<R extends Route> = ParamsPart<R> & BodyPart<R>;
/** The input as an argument, which may be left out where nothing in it is needed. */
export type InputArgument<R extends Route> =
  Record<never, never> extends Input<R> ? [input?: Input<R>] : [input: Input<R>];
