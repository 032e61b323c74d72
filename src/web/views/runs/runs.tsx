import { useEffect, useState } from 'preact/hooks';
import type { RunSummary } from '../../../serve/api.js';
import { get, send } from '../../app/api.js';
import { useApp, useTitle } from '../../app/context.js';
import { useEvents } from '../../app/events.js';
import { go } from '../../app/router.js';
import { failureOf, useLoad } from '../../app/use.js';
import { applyEvent, filterRuns, type Sort, sortRuns } from '../../lib/list.js';
import { compareHref } from '../../lib/route.js';
import { Connection } from '../../ui/connection.js';
import { Loading, Problem } from '../../ui/problem.js';
import { RunEditor } from './run-editor.js';
import { RunsTable } from './runs-table.js';

const MOST_COMPARED = 8;

/** All runs in the folder, updated live. */
export function RunsView() {
  const { t, showToast, announce } = useApp();
  useTitle(t('runs.title'));
  const { value, failure, reload } = useLoad('runs', (signal) => get('GET /api/runs', {}, signal));
  const [runs, setRuns] = useState<readonly RunSummary[]>();
  const [filter, setFilter] = useState('');
  const [sort, setSort] = useState<Sort>({ key: 'started', descending: true });
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [editing, setEditing] = useState<RunSummary>();
  useEffect(() => {
    if (value) setRuns(value);
  }, [value]);
  const connection = useEvents('GET /api/events', value && {}, ['run', 'gone'], (event) =>
    setRuns((before) => applyEvent(before ?? [], event)),
  );
  const known = (runs ?? []).filter((run) => selected.has(run.id));
  const remove = async (run: RunSummary) => {
    try {
      const { undo } = await send('DELETE /api/runs/:id', { params: { id: run.id } });
      setRuns((before) => before?.filter((each) => each.id !== run.id));
      showToast({
        text: t('runs.deleted', { name: run.name }),
        action: {
          label: t('undo'),
          run: () =>
            void send('POST /api/undo/:undo', { params: { undo } }).then(
              (back) => {
                setRuns((before) => applyEvent(before ?? [], { event: 'run', run: back }));
                announce(t('runs.back', { name: back.name }));
              },
              (error) => showToast({ text: failureOf(error).message }),
            ),
        },
      });
    } catch (error) {
      showToast({ text: failureOf(error).message });
    }
  };
  const shown = sortRuns(
    filterRuns(runs ?? [], filter, (run) => `${run.status} ${t(`status.${run.status}`)}`),
    sort,
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
          <div class="runs-bar">
            <label class="search">
              <span class="visually-hidden">{t('runs.filter')}</span>
              <input
                type="search"
                placeholder={t('runs.filter')}
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
              <span class="hint">{known.length < 2 ? t('runs.choose') : ''}</span>
              <button
                type="button"
                class="primary"
                disabled={known.length < 2}
                onClick={() => go(compareHref(known.map((run) => run.id).slice(0, MOST_COMPARED)))}
              >
                {known.length < 2 ? t('nav.compare') : t('runs.compare', { n: known.length })}
              </button>
            </div>
          </div>
          {shown.length === 0 ? (
            <p class="missing">{t('runs.none', { filter })}</p>
          ) : (
            <RunsTable
              runs={shown}
              sort={sort}
              onSort={setSort}
              selected={selected}
              onSelect={setSelected}
              onEdit={setEditing}
              onDelete={(run) => void remove(run)}
            />
          )}
        </>
      )}
      {editing && (
        <RunEditor
          run={editing}
          onClose={() => setEditing(undefined)}
          onChange={(run) => setRuns((before) => applyEvent(before ?? [], { event: 'run', run }))}
        />
      )}
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
