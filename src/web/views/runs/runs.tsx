import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { differingSettings, matches, namesOf, parseFilter, sorted } from '../../../display/run-query.js';
import type { RunSummary, RunsEvent } from '../../../serve/api.js';
import { get, send } from '../../app/api.js';
import { useApp, useTitle } from '../../app/context.js';
import { useEvents } from '../../app/events.js';
import { go, replace } from '../../app/router.js';
import { recall, remember } from '../../app/storage.js';
import { failureOf, useLoad } from '../../app/use.js';
import { useChartView } from '../../app/use-chart-view.js';
import { queryOf, viewOf } from '../../lib/curves/chart-view.js';
import { looksOf } from '../../lib/curves/run-looks.js';
import { applyEvent, applyEvents } from '../../lib/list.js';
import { compareHref, parseRoute } from '../../lib/route.js';
import { type ListView, listHref, listViewOf, usualColumns } from '../../lib/table/list-view.js';
import { rowsOf } from '../../lib/table/rows.js';
import { Connection } from '../../ui/connection.js';
import { Icon } from '../../ui/icon.js';
import { Parallel } from '../../ui/parallel.js';
import { Loading, Problem } from '../../ui/problem.js';
import { MOST } from '../compare/compare.js';
import { BulkTags } from './bulk-tags.js';
import { RunEditor } from './run-editor.js';
import { MOST_CURVES, RunsCurves } from './runs-curves.js';
import { RunsTable } from './runs-table.js';
import { TableMenu } from './table-menu.js';

/** Changes of the list within this time are drawn together. */
const TOGETHER_MS = 60;
/** Columns that were chosen last. */
const COLUMNS = 'columns';
/** Settings of a parallel plot before any columns are chosen. */
const MOST_AXES = 7;
/** Differences without a meaning for the result. */
const NOT_AN_AXIS = /^(machine|data|model\.classes|model\.images)(\.|$)/;

/** Columns that were chosen last; undefined if none ever were. */
const recalledColumns = (): readonly string[] | undefined => recall(COLUMNS)?.split(',').filter(Boolean);

/** What the address says now: changes that wait for each other must not undo each other. */
function addressed(): Readonly<Record<string, string>> | undefined {
  const route = parseRoute(location.hash);
  return route.view === 'runs' ? route.query : undefined;
}

/** All runs in the folder, updated live. */
export function RunsView({ query }: { query: Readonly<Record<string, string>> }) {
  const { t, meta, showToast, announce } = useApp();
  const control = meta?.control === true;
  useTitle(t('runs.title'));
  const { value, failure, reload } = useLoad('runs', (signal) => get('GET /api/runs', {}, signal));
  const [runs, setRuns] = useState<readonly RunSummary[]>();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [editing, setEditing] = useState<RunSummary>();
  const [tagging, setTagging] = useState(false);
  const [parallel, setParallel] = useState(false);
  const view = listViewOf(query, recalledColumns());
  // Typing must not wait for the address.
  const [filter, setFilter] = useState(view.filter);
  useEffect(() => setFilter(view.filter), [view.filter]);
  const show = (change: Partial<ListView>) => {
    const now = addressed();
    if (now) replace(listHref({ ...listViewOf(now, recalledColumns()), ...change }, queryOf(viewOf(now))));
  };
  const [chartView, changeCharts] = useChartView(query, (charts) => {
    const now = addressed();
    if (now) replace(listHref(listViewOf(now, recalledColumns()), charts));
  });
  useEffect(() => {
    if (filter === view.filter) return;
    const timer = setTimeout(() => show({ filter }), 250);
    return () => clearTimeout(timer);
  }, [filter]);
  useEffect(() => {
    if (value) setRuns(value);
  }, [value]);
  const waiting = useRef<RunsEvent[]>([]);
  const connection = useEvents('GET /api/events', value && {}, ['run', 'gone'], (event) => {
    // Thousands of events come at once; drawing the list after each would keep the page busy for minutes.
    if (waiting.current.push(event) > 1) return;
    setTimeout(() => {
      const events = waiting.current;
      waiting.current = [];
      setRuns((before) => applyEvents(before ?? [], events));
    }, TOGETHER_MS);
  });
  const settings = useLoad(
    runs && `settings ${runs.length}`,
    (signal) => get('GET /api/settings', {}, signal),
    { keep: true },
  );
  const rows = useMemo(() => rowsOf(runs ?? [], settings.value), [runs, settings.value]);
  const names = useMemo(() => namesOf(rows), [rows]);
  const shown = useMemo(() => {
    const terms = parseFilter(filter, names);
    const found = rows.filter((row) => matches(row, terms, t(`status.${row.run.status}`)));
    const ordered = sorted(found, view.sort, view.descending);
    const base = ordered.findIndex(({ run }) => run.id === view.baseline);
    return base <= 0 ? ordered : [ordered[base]!, ...ordered.filter((_, i) => i !== base)];
  }, [rows, names, filter, view.sort, view.descending, view.baseline, t]);
  const looks = useMemo(
    () =>
      looksOf(
        shown.slice(0, MOST_CURVES).map(({ run }) => run),
        runs ?? [],
      ),
    [shown, runs],
  );
  const differing = useMemo(() => differingSettings(shown), [shown]);
  const columns = useMemo(
    () => view.columns ?? usualColumns(differing),
    [view.columns?.join(), differing.join()],
  );
  const baseline = rows.find(({ run }) => run.id === view.baseline);
  const known = (runs ?? []).filter((run) => selected.has(run.id));
  const change = (run: RunSummary) => setRuns((before) => applyEvent(before ?? [], { event: 'run', run }));

  const restore = async (undos: readonly string[]) => {
    try {
      for (const undo of undos) {
        const back = await send('POST /api/undo/:undo', { params: { undo } });
        change(back);
        announce(t('runs.back', { name: back.name }));
      }
    } catch (error) {
      showToast({ text: failureOf(error).message });
    }
  };
  const remove = async (some: readonly RunSummary[]) => {
    const undos: string[] = [];
    let problem: string | undefined;
    for (const run of some) {
      try {
        undos.push((await send('DELETE /api/runs/:id', { params: { id: run.id } })).undo);
        setRuns((before) => before?.filter((each) => each.id !== run.id));
      } catch (error) {
        problem = `${run.name}: ${failureOf(error).message}`;
      }
    }
    setSelected((before) => new Set([...before].filter((id) => !some.some((run) => run.id === id))));
    const [first] = some;
    const done =
      undos.length === 1 && first
        ? t('runs.deleted', { name: first.name })
        : t('bulk.deleted', { n: undos.length });
    showToast({
      text: problem === undefined ? done : `${undos.length > 0 ? `${done} ` : ''}${problem}`,
      ...(undos.length > 0 ? { action: { label: t('undo'), run: () => void restore(undos) } } : {}),
    });
  };
  const ended = known.filter(({ status }) => status !== 'training' && status !== 'paused');
  const axes = useMemo(() => {
    const own = view.columns?.length ? view.columns : differing;
    const some = own.filter((name) => !NOT_AN_AXIS.test(name)).slice(0, MOST_AXES);
    const result = shown.some(({ run }) => run.bestAccuracy !== undefined) ? ['loss', 'accuracy'] : ['loss'];
    return [...some.filter((name) => !result.includes(name)), ...result];
  }, [view.columns?.join(), differing.join(), shown]);
  // Hundreds of rows are not drawn again with each frame of a zoom. What the buttons call does not depend on the render.
  const table = useMemo(
    () => (
      <RunsTable
        rows={shown}
        looks={looks}
        view={view}
        columns={columns}
        baseline={baseline}
        onView={show}
        selected={selected}
        onSelect={setSelected}
        onEdit={setEditing}
        onDelete={(run) => void remove([run])}
      />
    ),
    [shown, looks, view.sort, view.descending, columns, baseline, selected, t],
  );
  return (
    <div class="page">
      <div class="page-head">
        <h1>{t('runs.title')}</h1>
        <Connection state={connection} />
      </div>
      {failure && <Problem failure={failure} retry={reload} />}
      {!runs && !failure && <Loading />}
      {runs?.length === 0 && <Empty />}
      {runs && runs.length > 0 && (
        <>
          <RunsCurves
            runs={shown.map(({ run }) => run)}
            looks={looks}
            metrics={[view.metric, view.second]}
            onMetric={(position, metric) => show(position === 0 ? { metric } : { second: metric })}
            view={chartView}
            onView={changeCharts}
          />
          <div class="runs-bar">
            <label class="search">
              <span class="visually-hidden">{t('runs.filter')}</span>
              <input
                type="search"
                placeholder={t('runs.filter')}
                title={t('runs.filterHow')}
                value={filter}
                onInput={(event) => setFilter(event.currentTarget.value)}
              />
            </label>
            <p class="count" role="status">
              {shown.length === runs.length
                ? t('runs.count', { n: runs.length })
                : t('runs.shown', { n: shown.length, all: runs.length })}
            </p>
            <div class="runs-compare">
              {known.length === 1 && (
                <button
                  type="button"
                  onClick={() =>
                    show({ baseline: known[0]!.id === view.baseline ? undefined : known[0]!.id })
                  }
                >
                  <Icon name="pin" />
                  {t(known[0]!.id === view.baseline ? 'table.unpin' : 'table.pin')}
                </button>
              )}
              {control && known.length > 0 && (
                <>
                  <button type="button" onClick={() => setTagging(true)}>
                    <Icon name="tag" /> {t('bulk.tag')}
                  </button>
                  <button type="button" disabled={ended.length === 0} onClick={() => void remove(ended)}>
                    <Icon name="trash" /> {t('bulk.delete', { n: ended.length })}
                  </button>
                </>
              )}
              <span class="hint">{known.length < 2 ? t('runs.choose') : ''}</span>
              <button
                type="button"
                class="primary"
                disabled={known.length < 2}
                onClick={() => go(compareHref(known.map((run) => run.id).slice(0, MOST)))}
              >
                {known.length < 2 ? t('nav.compare') : t('runs.compare', { n: known.length })}
              </button>
              <button type="button" aria-pressed={parallel} onClick={() => setParallel(!parallel)}>
                {t('parallel.title')}
              </button>
              <TableMenu
                rows={shown}
                names={names}
                columns={columns}
                onColumns={(chosen) => {
                  remember(COLUMNS, chosen.join(','));
                  show({ columns: chosen });
                }}
              />
            </div>
          </div>
          {settings.failure && <Problem failure={settings.failure} retry={settings.reload} />}
          {parallel && <Parallel rows={shown} names={axes} />}
          {shown.length === 0 ? <p class="missing">{t('runs.none', { filter })}</p> : table}
        </>
      )}
      {editing && <RunEditor run={editing} onClose={() => setEditing(undefined)} onChange={change} />}
      {tagging && <BulkTags runs={known} onClose={() => setTagging(false)} onChange={change} />}
    </div>
  );
}

function Empty() {
  const { t } = useApp();
  return (
    <section class="empty">
      <svg viewBox="0 0 220 90" width="220" height="90" aria-hidden="true">
        <path class="empty-axis" d="M8 6v76h204" />
        <path class="empty-curve" d="M10 14C36 62 60 58 84 66s60 8 124 10" />
      </svg>
      <h2>{t('empty.title')}</h2>
      <p>{t('empty.text')}</p>
      <pre>
        <code>npm start</code>
      </pre>
      <p>{t('empty.more')}</p>
      <pre>
        <code>npm run paperweight -- train --help</code>
      </pre>
    </section>
  );
}
