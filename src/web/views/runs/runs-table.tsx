import type { RunSummary } from '../../../serve/api.js';
import { useApp } from '../../app/context.js';
import { useNow } from '../../app/use.js';
import { ago, integer, moment, percent, significant } from '../../lib/format.js';
import type { Sort, SortKey } from '../../lib/list.js';
import { runHref } from '../../lib/route.js';
import { Spark } from '../../ui/chart/spark.js';
import { Icon } from '../../ui/icon.js';
import { Status } from '../../ui/status.js';

interface Props {
  readonly runs: readonly RunSummary[];
  readonly sort: Sort;
  readonly onSort: (sort: Sort) => void;
  readonly selected: ReadonlySet<string>;
  readonly onSelect: (selected: ReadonlySet<string>) => void;
  readonly onEdit: (run: RunSummary) => void;
  readonly onDelete: (run: RunSummary) => void;
}

const COLUMNS: readonly [
  SortKey | undefined,
  'name' | 'status' | 'data' | 'accuracy' | 'loss' | 'started' | 'updated',
][] = [
  ['name', 'name'],
  ['status', 'status'],
  ['dataset', 'data'],
  ['bestAccuracy', 'accuracy'],
  [undefined, 'loss'],
  ['started', 'started'],
  ['updated', 'updated'],
];

/** The same number of decimals in each row, unless the text would be too long. */
const lossText = (loss: number): string => (Math.abs(loss) < 1000 ? loss.toFixed(3) : significant(loss, 4));

/** Roles are explicit because the narrow layout changes the table's display, which removes the implicit roles. */
export function RunsTable({ runs, sort, onSort, selected, onSelect, onEdit, onDelete }: Props) {
  const { t, meta } = useApp();
  const control = meta?.control === true;
  const toggle = (key: SortKey) =>
    onSort(
      sort.key === key
        ? { key, descending: !sort.descending }
        : { key, descending: key === 'bestAccuracy' || key === 'started' || key === 'updated' },
    );
  return (
    <>
      <label class="narrow-sort">
        {t('runs.sort')}
        <select value={sort.key} onChange={(event) => toggle(event.currentTarget.value as SortKey)}>
          {COLUMNS.map(([key, name]) =>
            key ? (
              <option key={key} value={key}>
                {t(`runs.${name}`)}
              </option>
            ) : null,
          )}
        </select>
      </label>
      <table class="runs" role="table" aria-label={t('runs.title')}>
        <thead role="rowgroup">
          <tr role="row">
            <th role="columnheader" scope="col">
              <span class="visually-hidden">{t('runs.select')}</span>
            </th>
            {COLUMNS.map(([key, name]) => (
              <th
                key={name}
                role="columnheader"
                scope="col"
                class={`col-${name}`}
                {...(key === sort.key
                  ? { 'aria-sort': sort.descending ? ('descending' as const) : ('ascending' as const) }
                  : {})}
              >
                {key ? (
                  <button type="button" class="sort" onClick={() => toggle(key)}>
                    {t(`runs.${name}`)}
                    {key === sort.key && <Icon name={sort.descending ? 'down' : 'up'} />}
                  </button>
                ) : (
                  t(`runs.${name}`)
                )}
              </th>
            ))}
            {control && (
              <th role="columnheader" scope="col">
                <span class="visually-hidden">{t('runs.actions')}</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {runs.map((run) => (
            <Row
              key={run.id}
              run={run}
              selected={selected.has(run.id)}
              onToggle={() => {
                const next = new Set(selected);
                if (!next.delete(run.id)) next.add(run.id);
                onSelect(next);
              }}
              {...(control ? { onEdit: () => onEdit(run), onDelete: () => onDelete(run) } : {})}
            />
          ))}
        </tbody>
      </table>
    </>
  );
}

function Row({
  run,
  selected,
  onToggle,
  onEdit,
  onDelete,
}: {
  run: RunSummary;
  selected: boolean;
  onToggle: () => void;
  onEdit?: () => void;
  onDelete?: () => void;
}) {
  const { t, language } = useApp();
  const now = useNow();
  const moving = run.status === 'training' || run.status === 'paused';
  return (
    <tr role="row" class={selected ? 'selected' : ''}>
      <td role="cell" class="col-select">
        <input
          type="checkbox"
          checked={selected}
          aria-label={t('runs.pick', { name: run.name })}
          onChange={onToggle}
        />
      </td>
      <td role="cell" class="col-name">
        <a href={runHref(run.id)}>{run.name}</a>
        <Tags tags={run.tags} />
      </td>
      <td role="cell" class="col-status">
        <Status status={run.status} />
        {moving || run.status === 'interrupted' ? (
          <span class="under">
            {integer(run.step, language)} / {run.stepsTotal > 0 ? integer(run.stepsTotal, language) : '–'}
          </span>
        ) : null}
        {moving && (
          <progress value={run.step} max={Math.max(1, run.stepsTotal)} aria-label={t('run.progress')} />
        )}
        {run.status === 'failed' && run.error && (
          <span class="under clip" title={run.error}>
            {run.error}
          </span>
        )}
      </td>
      <td role="cell" class="col-data">
        {run.dataset}
        <span class="under">
          {run.preset} · {run.recipe}
        </span>
      </td>
      <td role="cell" class="col-accuracy num">
        {run.bestAccuracy === undefined ? (
          <span class="nothing" title={t('runs.noAccuracy')}>
            –
          </span>
        ) : (
          percent(run.bestAccuracy)
        )}
      </td>
      <td role="cell" class="col-loss">
        <Spark
          values={run.spark}
          {...(run.lastLoss === undefined
            ? {}
            : { label: t('runs.lossNow', { loss: lossText(run.lastLoss) }) })}
        />
        <span class="under num">{run.lastLoss === undefined ? '' : lossText(run.lastLoss)}</span>
      </td>
      <td role="cell" class="col-started">
        <span class="narrow-label">{t('runs.started')} </span>
        <time dateTime={run.started} title={moment(run.started, language)}>
          {ago(run.started, now, language)}
        </time>
      </td>
      <td role="cell" class="col-updated">
        <span class="narrow-label">{t('runs.updated')} </span>
        <time dateTime={run.updated} title={moment(run.updated, language)}>
          {ago(run.updated, now, language)}
        </time>
      </td>
      {onEdit && onDelete && (
        <td role="cell" class="col-actions">
          <button
            type="button"
            class="icon"
            title={t('edit.title')}
            aria-label={t('edit.run', { name: run.name })}
            onClick={onEdit}
          >
            <Icon name="edit" />
          </button>
          <button
            type="button"
            class="icon"
            title={run.status === 'training' ? t('runs.noDelete') : t('delete')}
            aria-label={t('delete.run', { name: run.name })}
            disabled={moving}
            onClick={onDelete}
          >
            <Icon name="trash" />
          </button>
        </td>
      )}
    </tr>
  );
}

export function Tags({ tags }: { tags: readonly string[] }) {
  if (tags.length === 0) return null;
  return (
    <span class="tags">
      {tags.map((tag) => (
        <span key={tag} class="tag">
          {tag}
        </span>
      ))}
    </span>
  );
}
