import { useMemo, useRef, useState } from 'preact/hooks';
import type { RunDetail } from '../../../serve/api.js';
import { type ApiFailure, get } from '../../app/api.js';
import { useApp, useTitle } from '../../app/context.js';
import { replace } from '../../app/router.js';
import { failureOf, useEvery, useLoad } from '../../app/use.js';
import { type Points, pointsOf } from '../../lib/points.js';
import { compareHref, runHref } from '../../lib/route.js';
import { LineSample } from '../../ui/chart/line-sample.js';
import { Icon } from '../../ui/icon.js';
import { Loading, Missing, Problem } from '../../ui/problem.js';
import { Status } from '../../ui/status.js';
import { ConfigTable } from '../run/config-table.js';
import { CompareCharts } from './compare-charts.js';
import type { Compared } from './compared.js';

const MOST = 8;
/** Refresh interval for runs that are still training. */
const AGAIN_MS = 5000;
const DASHES: readonly (readonly number[] | undefined)[] = [undefined, [7, 4], [2, 3], [9, 3, 2, 3]];

/** Several runs in one chart, with the differences of their settings. The URL contains their ids, so it can be shared. */
export function CompareView({ ids }: { ids: readonly string[] }) {
  const { t } = useApp();
  useTitle(t('compare.title'));
  const all = useLoad('runs', (signal) => get('GET /api/runs', {}, signal));
  const chosen = ids.slice(0, MOST);
  const before = useRef<readonly Loaded[]>([]);
  const runs = useLoad(chosen.join('/'), (signal) =>
    Promise.all(
      chosen.map((id) =>
        loadRun(
          id,
          signal,
          before.current.find((run) => run.id === id),
        ),
      ),
    ),
  );
  before.current = runs.value ?? [];
  const good = useMemo(
    () =>
      (runs.value ?? []).flatMap((run, i): Compared[] =>
        'failure' in run
          ? []
          : [{ ...run, color: `--run-${(i % MOST) + 1}`, dash: DASHES[Math.floor(i / 2) % DASHES.length] }],
      ),
    [runs.value],
  );
  const training = good.some(({ detail }) => detail.status === 'training' || detail.status === 'paused');
  useEvery(AGAIN_MS, training, runs.reload);
  const change = (next: readonly string[]) => replace(compareHref(next));
  const others = (all.value ?? []).filter((run) => !ids.includes(run.id));
  return (
    <div class="page">
      <div class="page-head">
        <h1>{t('compare.title')}</h1>
        {good.length > 0 && <CopyLink />}
      </div>
      {all.failure && <Problem failure={all.failure} retry={all.reload} />}
      <ul class="compared">
        {good.map((run) => (
          <li key={run.id}>
            <LineSample color={run.color} dash={run.dash} width={28} height={10} />
            <a href={runHref(run.id)}>{run.detail.name}</a>
            <Status status={run.detail.status} />
            <button
              type="button"
              class="icon"
              aria-label={t('compare.remove', { name: run.detail.name })}
              onClick={() => change(ids.filter((id) => id !== run.id))}
            >
              <Icon name="close" />
            </button>
          </li>
        ))}
        {ids.length < MOST && others.length > 0 && (
          <li>
            <label class="add">
              <span class="visually-hidden">{t('compare.add')}</span>
              <select
                value=""
                onChange={(event) => {
                  if (event.currentTarget.value) change([...ids, event.currentTarget.value]);
                }}
              >
                <option value="">{t('compare.add')}</option>
                {others.map((run) => (
                  <option key={run.id} value={run.id}>
                    {run.name}
                  </option>
                ))}
              </select>
            </label>
          </li>
        )}
      </ul>
      {(runs.value ?? []).map((run) =>
        'failure' in run ? <Problem key={run.id} failure={run.failure} /> : null,
      )}
      {runs.loading && good.length === 0 && chosen.length > 0 && <Loading />}
      {chosen.length === 0 && <Missing>{t('compare.none')}</Missing>}
      {good.length > 0 && (
        <>
          <CompareCharts runs={good} />
          <ConfigTable runs={good} />
        </>
      )}
    </div>
  );
}

type Loaded = { id: string; detail: RunDetail; loss: Points } | { id: string; failure: ApiFailure };

/** @param before the previous data, which stays visible while the server does not answer */
async function loadRun(id: string, signal: AbortSignal, before: Loaded | undefined): Promise<Loaded> {
  try {
    const [detail, series] = await Promise.all([
      get('GET /api/runs/:id', { params: { id } }, signal),
      get('GET /api/runs/:id/series', { params: { id }, query: { keys: ['loss'], points: 1000 } }, signal),
    ]);
    return { id, detail, loss: pointsOf(series, 'loss') };
  } catch (error) {
    const failure = failureOf(error);
    return failure.status <= 0 && before ? before : { id, failure };
  }
}

function CopyLink() {
  const { t, announce } = useApp();
  const [copied, setCopied] = useState(false);
  return (
    <button
      type="button"
      onClick={() => {
        navigator.clipboard.writeText(location.href).then(
          () => {
            setCopied(true);
            announce(t('compare.copied'));
          },
          // Without permission to copy, the link is still in the address bar.
          () => announce(t('compare.notCopied')),
        );
      }}
    >
      <Icon name={copied ? 'check' : 'link'} /> {copied ? t('compare.copied') : t('compare.copy')}
    </button>
  );
}
