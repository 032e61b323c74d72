import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../files/atomic.js';
import type { ControlRequest, SeriesKey } from '../api.js';
import { jsonBody } from '../http/body.js';
import { EventsAnswer } from '../http/event-stream.js';
import { wholeParam } from '../http/query.js';
import { RequestError } from '../http/request-error.js';
import type { Call, Handlers } from '../http/router.js';
import { SERIES_KEYS } from '../metrics/columns.js';
import { stepSeries } from '../metrics/curves.js';
import type { RunRoutes } from '../route-table.js';
import { changeLabel, labelSchema } from '../runs/label.js';
import { parseCursor } from '../runs/live-run.js';
import { kernelSteps, kernels, runDetail, runLog } from '../runs/run-detail.js';
import { sampledSteps, samples } from '../runs/run-samples.js';
import type { Runs } from '../runs/runs.js';
import type { RunsFeed } from '../runs/runs-feed.js';
import { insightsAtEvenDistances } from '../runs/sample-insights.js';
import { Settings } from '../runs/settings-table.js';
import { lastLines } from '../runs/tail.js';
import type { Trash } from '../runs/trash.js';
import { curveRoutes } from './curves.js';
import { loggedRoutes } from './logged.js';

const MAX_STEP = 0xffff_fffe;
const MAX_POINTS = 5000;
/** Bytes of insights that are read, from the end. */
const INSIGHT_BYTES = 2 ** 26;

const controlSchema = z
  .object({ action: z.enum(['pause', 'resume', 'stop']) })
  .strict() satisfies z.ZodType<ControlRequest>;

export interface RunRoutesOptions {
  readonly runs: Runs;
  readonly feed: RunsFeed;
  readonly trash: Trash;
  /** Whether runs can be changed. */
  readonly control: boolean;
}

/** Handlers that read and change runs. */
export function runRoutes({ runs, feed, trash, control }: RunRoutesOptions): Handlers<keyof RunRoutes> {
  const settings = new Settings(runs);
  const mustControl = () => {
    if (control) return;
    throw new RequestError(403, {
      what: 'This dashboard is read-only',
      expected: 'paperweight serve --control, to change runs',
      next: 'start it again with --control',
    });
  };

  return {
    ...curveRoutes(runs),
    ...loggedRoutes(runs),
    'GET /api/runs': () => runs.list(),
    'GET /api/settings': async () => settings.table((await runs.list()).map(({ id }) => id)),
    'GET /api/events': async () => new EventsAnswer((client) => feed.watch(client)),
    'GET /api/runs/:id': ({ params }) => runDetail(runs, params.id),
    'GET /api/runs/:id/series': async ({ query, params }) => {
      const wanted = seriesQuery(query);
      return stepSeries(await runs.live(params.id), wanted.keys, wanted);
    },
    'GET /api/runs/:id/events': async (call) => {
      const cursor = cursorOf(call);
      const live = await runs.live(call.params.id);
      return new EventsAnswer((client) => live.watch(client, cursor));
    },
    'GET /api/runs/:id/log': async ({ params }) => runLog(await runs.folder(params.id)),
    'GET /api/runs/:id/insights': async ({ query, params }) => {
      const points = query.whole('points', 1, MAX_POINTS) ?? 200;
      const lines = await lastLines(await runs.folder(params.id), 'insights.jsonl', INSIGHT_BYTES);
      return insightsAtEvenDistances(lines, points, query.text('histograms') === 'all');
    },
    'GET /api/runs/:id/kernels': async ({ params }) => kernelSteps(await runs.folder(params.id)),
    'GET /api/runs/:id/samples': async ({ params }) => sampledSteps(await runs.folder(params.id)),
    'GET /api/runs/:id/samples/:step': async ({ params }) =>
      samples(await runs.folder(params.id), wholeParam('step', params.step)),
    'GET /api/runs/:id/kernels/:step': async ({ params }) => {
      return kernels(await runs.folder(params.id), wholeParam('step', params.step));
    },
    'PATCH /api/runs/:id': async (call) => {
      mustControl();
      const change = await jsonBody(call, labelSchema);
      await changeLabel(await runs.folder(call.params.id), change);
      return runs.summary(call.params.id);
    },
    'DELETE /api/runs/:id': async ({ params }) => {
      mustControl();
      const { status } = await runs.summary(params.id);
      if (status === 'training' || status === 'paused')
        throw new RequestError(409, {
          what: 'A run that is still training cannot be deleted',
          expected: 'a run that has ended',
          got: status,
          next: 'stop it first',
        });
      const folder = await runs.folder(params.id);
      const undo = await trash.move(folder);
      runs.forget(folder);
      return { undo };
    },
    'POST /api/undo/:undo': async ({ params }) => {
      mustControl();
      return runs.summary(await trash.restore(params.undo));
    },
    'POST /api/runs/:id/control': async (call) => {
      mustControl();
      const { id: run } = call.params;
      const { action } = await jsonBody(call, controlSchema);
      const { status } = await runs.summary(run);
      if (status !== 'training' && status !== 'paused')
        throw new RequestError(409, {
          what: `The run cannot ${action}`,
          expected: 'a run with a training process',
          got: status,
        });
      const folder = await runs.folder(run);
      const id = randomUUID();
      await writeFileAtomic(join(folder, 'control.json'), `${JSON.stringify({ action, id })}\n`);
      return { id };
    },
  };
}

function seriesQuery(query: Call<'GET /api/runs/:id/series'>['query']) {
  const keys = (query.text('keys') ?? 'loss').split(',');
  for (const key of keys)
    if (!(SERIES_KEYS as readonly string[]).includes(key))
      throw new RequestError(400, {
        what: 'Unknown series',
        expected: `some of ${SERIES_KEYS.join(', ')}`,
        got: JSON.stringify(key.slice(0, 50)),
      });
  return {
    keys: keys as SeriesKey[],
    from: query.whole('from', 0, MAX_STEP) ?? 0,
    to: query.whole('to', 0, MAX_STEP) ?? MAX_STEP,
    points: query.whole('points', 1, MAX_POINTS) ?? 1000,
  };
}

function cursorOf({ request, query }: Call<'GET /api/runs/:id/events'>) {
  // A reconnecting browser sends the header together with its original address.
  const text = request.headers['last-event-id']?.toString() || query.text('after');
  if (!text) return undefined;
  const cursor = parseCursor(text);
  if (cursor) return cursor;
  throw new RequestError(400, {
    what: 'The stream cannot continue from there',
    expected: 'an id of one of its events, or a number of lines',
    got: JSON.stringify(text.slice(0, 50)),
  });
}
