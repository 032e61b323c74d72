import type { RunCurve } from '../api.js';
import { RequestError } from '../http/request-error.js';
import type { Call, Handlers } from '../http/router.js';
import { type CurveQuery, clockOf, curveNames, curveOf } from '../metrics/curves.js';
import type { RunRoutes } from '../route-table.js';
import { machineFigures } from '../runs/machine.js';
import { originOf } from '../runs/origin.js';
import type { Runs } from '../runs/runs.js';

const MAX_STEP = 0xffff_fffe;
const MAX_POINTS = 5000;
const MAX_RUNS = 200;
/** Points of all curves of an answer together. */
const MAX_TOTAL = 100_000;

type CurveRoutes = Pick<
  RunRoutes,
  | 'GET /api/metrics'
  | 'GET /api/runs/:id/clock'
  | 'GET /api/runs/:id/machine'
  | 'GET /api/runs/:id/origin'
  | 'GET /api/curves'
>;

/** Handlers for all metrics of one run, and for one metric of many runs. */
export function curveRoutes(runs: Runs): Handlers<keyof CurveRoutes> {
  const clock = async (id: string) => clockOf(await runs.live(id), (await runs.summary(id)).started);
  return {
    'GET /api/metrics': async ({ query }) => {
      const names = new Set<string>();
      for (const id of idsIn(query.text('runs') ?? '')) {
        const some = await runs
          .live(id)
          .then(curveNames)
          .catch(() => []);
        for (const name of some) names.add(name);
      }
      return [...names];
    },
    'GET /api/runs/:id/clock': ({ params }) => clock(params.id),
    'GET /api/runs/:id/machine': async ({ params }) => machineFigures(await runs.folder(params.id)),
    'GET /api/runs/:id/origin': async ({ params }) => originOf(await runs.folder(params.id)),
    'GET /api/curves': async ({ query }) => {
      const ids = idsIn(query.text('runs') ?? '');
      const name = query.text('name') ?? '';
      const wanted = rangeOf(query, Math.max(1, Math.min(MAX_POINTS, Math.floor(MAX_TOTAL / ids.length))));
      const withClock = query.text('clock') === 'yes';
      // One after another: reading many long files at once would take their memory at once.
      const curves: RunCurve[] = [];
      for (const id of ids) {
        // A run that is gone or cannot be read has no curve; its own page says why.
        const curve = await runs
          .live(id)
          .then((live) => curveOf(live, name, wanted))
          .catch(() => undefined);
        const at = curve && withClock ? await clock(id) : undefined;
        curves.push({ id, ...(curve ? { curve } : {}), ...(at ? { clock: at } : {}) });
      }
      return curves;
    },
  };
}

function idsIn(text: string): string[] {
  const ids = [...new Set(text.split(',').filter(Boolean).map(decoded))];
  if (ids.length > 0 && ids.length <= MAX_RUNS) return ids;
  throw new RequestError(400, {
    what: 'runs is not valid',
    expected: `1 to ${MAX_RUNS} ids of runs, separated by commas`,
    got: `${ids.length}`,
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RequestError(400, { what: 'runs is not valid', got: JSON.stringify(text.slice(0, 50)) });
  }
}

function rangeOf(query: Call<'GET /api/curves'>['query'], most: number): CurveQuery {
  return {
    from: query.whole('from', 0, MAX_STEP) ?? 0,
    to: query.whole('to', 0, MAX_STEP) ?? MAX_STEP,
    points: Math.min(query.whole('points', 1, MAX_POINTS) ?? 300, most),
  };
}
