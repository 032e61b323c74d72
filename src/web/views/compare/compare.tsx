import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { seriesColour, seriesDash } from '../../../display/series-colours.js';
import type { RunDetail } from '../../../serve/api.js';
import { type ApiFailure, get } from '../../app/api.js';
import { useApp, useTitle } from '../../app/context.js';
import { replace } from '../../app/router.js';
import { failureOf, useEvery, useLoad } from '../../app/use.js';
import { useChartView } from '../../app/use-chart-view.js';
import { BY_TAG, groupings, groupRuns } from '../../lib/curves/grouping.js';
import { measuredMetric } from '../../lib/curves/metric.js';
import { looksOf } from '../../lib/curves/run-looks.js';
import { compareHref, listOf, runHref } from '../../lib/route.js';
import { spanOf } from '../../lib/smooth.js';
import { ChartControls } from '../../ui/chart/chart-controls.js';
import { LineSample } from '../../ui/chart/line-sample.js';
import { CopyButton } from '../../ui/copy-button.js';
import { Icon } from '../../ui/icon.js';
import { Loading, Missing, Problem } from '../../ui/problem.js';
import { Status } from '../../ui/status.js';
import { ConfigTable } from '../run/config-table.js';
import { type Group, MetricChart } from './compare-charts.js';
import { CompareImages } from './compare-images.js';
import type { Compared } from './compared.js';
import { MetricPicker } from './metric-picker.js';

/** Maximum number of runs in a comparison. */
export const MOST = 64;
/** The names of more runs stand closer. */
const MANY = 12;
/** The names of more runs are folded. */
const FOLDED = 32;
/** Refresh interval for runs that are still training. */
const AGAIN_MS = 5000;

/** Several runs in charts of any metrics, with the differences of their settings. The address has all choices. */
export function CompareView({
  ids,
  query,
}: {
  ids: readonly string[];
  query: Readonly<Record<string, string>>;
}) {
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
  const [turn, setTurn] = useState(0);
  useEffect(() => setTurn((n) => n + 1), [runs.value]);
  const good = useMemo<readonly Compared[]>(() => {
    const found = (runs.value ?? []).flatMap((run) => ('failure' in run ? [] : [run]));
    const looks = looksOf(
      found.map(({ id, detail }) => ({ id, color: detail.color })),
      all.value ?? [],
      2,
    );
    return found.map((run, i) => ({ ...run, name: run.detail.name, ...looks[i]! }));
  }, [runs.value, all.value]);
  const training = good.some(({ detail }) => detail.status === 'training' || detail.status === 'paused');
  useEvery(AGAIN_MS, training, runs.reload);
  const settings = { ...query, metrics: query.metrics === undefined ? undefined : listOf(query.metrics) };
  const write = (change: Readonly<Record<string, string | readonly string[] | undefined>>) =>
    replace(compareHref(ids, { ...settings, ...change }));
  const change = (next: readonly string[]) => replace(compareHref(next, settings));
  const others = (all.value ?? []).filter((run) => !ids.includes(run.id));
  const members = good.map((run) => (
    <li key={run.id}>
      <LineSample color={run.color} dash={run.dash} width={28} height={10} />
      <a href={runHref(run.id)}>{run.detail.name}</a>
      {(good.length <= MANY || !['done', 'interrupted'].includes(run.detail.status)) && (
        <Status status={run.detail.status} />
      )}
      <button
        type="button"
        class="icon"
        aria-label={t('compare.remove', { name: run.detail.name })}
        onClick={() => change(ids.filter((id) => id !== run.id))}
      >
        <Icon name="close" />
      </button>
    </li>
  ));
  return (
    <div class="page">
      <div class="page-head">
        <h1>{t('compare.title')}</h1>
        {good.length > 0 && (
          <CopyButton
            text={() => location.href}
            label={t('compare.copy')}
            done={t('compare.copied')}
            failed={t('compare.notCopied')}
          />
        )}
        {ids.length < MOST && others.length > 0 && (
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
        )}
      </div>
      {all.failure && <Problem failure={all.failure} retry={all.reload} />}
      {ids.length > MOST && <p class="hint">{t('compare.most', { n: MOST, all: ids.length })}</p>}
      {members.length > FOLDED ? (
        <details class="numbers compared-all">
          <summary>{t('compare.runs', { n: members.length })}</summary>
          <ul class="compared close">{members}</ul>
        </details>
      ) : (
        <ul class={members.length > MANY ? 'compared close' : 'compared'}>{members}</ul>
      )}
      {(runs.value ?? []).map((run) =>
        'failure' in run ? <Problem key={run.id} failure={run.failure} /> : null,
      )}
      {runs.loading && good.length === 0 && chosen.length > 0 && <Loading />}
      {chosen.length === 0 && <Missing>{t('compare.none')}</Missing>}
      {good.length > 0 && (
        <>
          <Charts runs={good} query={query} write={write} turn={turn} />
          <CompareImages runs={good} turn={turn} />
          <ConfigTable runs={good} />
        </>
      )}
    </div>
  );
}

function Charts({
  runs,
  query,
  write,
  turn,
}: {
  runs: readonly Compared[];
  query: Readonly<Record<string, string>>;
  write: (change: Readonly<Record<string, string | readonly string[] | undefined>>) => void;
  turn: number;
}) {
  const { t } = useApp();
  const ids = runs.map(({ id }) => encodeURIComponent(id));
  const names = useLoad(
    `metrics ${ids.join()}`,
    (signal) => get('GET /api/metrics', { query: { runs: ids } }, signal),
    { keep: true },
  );
  const [view, change] = useChartView(query, write);
  const metrics = query.metrics === undefined ? usual(names.value) : listOf(query.metrics);
  const by = query.group ?? '';
  const choices = useMemo(() => groupings(runs), [runs]);
  const groups = useMemo<Group[] | undefined>(() => {
    if (by === '') return undefined;
    return [...groupRuns(runs, by, t('compare.noTag'))].map(([value, members], i) => ({
      label: t('compare.groupName', { value, n: members.size }),
      color: `--run-${seriesColour(i)}`,
      dash: seriesDash(i),
      ids: members,
    }));
  }, [runs, by, t]);
  const slider = view.smooth ?? 50;
  const steps = Math.max(2, ...runs.map(({ detail }) => detail.step));
  return (
    <section class="charts" aria-label={t('chart.title')}>
      <ChartControls
        view={view}
        onChange={change}
        slider={slider}
        onSlider={(smooth) => change({ smooth })}
        span={spanOf(slider, steps)}
      >
        <label class="choice">
          {t('compare.group')}
          <select value={by} onChange={(event) => write({ group: event.currentTarget.value || undefined })}>
            <option value="">{t('compare.noGroups')}</option>
            <option value={BY_TAG}>{t('compare.byTag')}</option>
            {[...new Set([...choices, ...(by === '' || by === BY_TAG ? [] : [by])])].map((path) => (
              <option key={path} value={path}>
                {path}
              </option>
            ))}
          </select>
        </label>
        <MetricPicker
          names={names.value ?? []}
          chosen={metrics}
          onChange={(chosen) => write({ metrics: chosen })}
        />
      </ChartControls>
      {names.failure && <Problem failure={names.failure} />}
      {groups && <p class="hint">{t('compare.band')}</p>}
      <div class="main-charts">
        {metrics.map((name) => (
          <MetricChart
            key={name}
            name={name}
            runs={runs}
            groups={groups}
            view={view}
            onChange={change}
            spanOf={(all) => spanOf(slider, all)}
            turn={turn}
          />
        ))}
      </div>
    </section>
  );
}

/** The metrics shown before any are chosen: the loss and what was measured on the test set. */
function usual(names: readonly string[] | undefined): string[] {
  if (!names) return ['loss'];
  const measured = measuredMetric(names);
  const some = [...(names.includes('loss') ? ['loss'] : []), ...(measured === undefined ? [] : [measured])];
  return some.length > 0 ? some : names.slice(0, 4);
}

type Loaded = { id: string; detail: RunDetail } | { id: string; failure: ApiFailure };

/** @param before the previous data, which stays visible while the server does not answer */
async function loadRun(id: string, signal: AbortSignal, before: Loaded | undefined): Promise<Loaded> {
  try {
    return { id, detail: await get('GET /api/runs/:id', { params: { id } }, signal) };
  } catch (error) {
    const failure = failureOf(error);
    return failure.status <= 0 && before ? before : { id, failure };
  }
}
