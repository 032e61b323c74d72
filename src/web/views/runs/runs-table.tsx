import { useState } from 'preact/hooks';
import { valueIn } from '../../../display/run-query.js';
import type { RunSummary } from '../../../serve/api.js';
import { useApp } from '../../app/context.js';
import { useNow } from '../../app/use.js';
import type { RunLook } from '../../lib/curves/run-looks.js';
import { ago, integer, moment, percent, significant } from '../../lib/format.js';
import { runHref } from '../../lib/route.js';
import type { ListView } from '../../lib/table/list-view.js';
import { cellText, columnTitle, differenceText, type RunRow } from '../../lib/table/rows.js';
import { LineSample } from '../../ui/chart/line-sample.js';
import { Spark } from '../../ui/chart/spark.js';
import { Icon } from '../../ui/icon.js';
import { Status } from '../../ui/status.js';

interface Props {
  readonly rows: readonly RunRow[];
  /** Colours and dashes of the first rows, which have a curve. */
  readonly looks: readonly RunLook[];
  readonly view: ListView;
  /** Further columns. */
  readonly columns: readonly string[];
  readonly onView: (change: Partial<ListView>) => void;
  /** The run with which others are compared. */
  readonly baseline: RunRow | undefined;
  readonly selected: ReadonlySet<string>;
  readonly onSelect: (selected: ReadonlySet<string>) => void;
  readonly onEdit: (run: RunSummary) => void;
  readonly onDelete: (run: RunSummary) => void;
}

/** The columns of every list: the value that orders them, and their title. */
const FIRST = [
  ['name', 'name'],
  ['status', 'status'],
  ['dataset', 'data'],
  ['accuracy', 'accuracy'],
  ['loss', 'loss'],
] as const;
const LAST = [
  ['started', 'started'],
  ['updated', 'updated'],
] as const;
const DESCENDING: readonly string[] = ['accuracy', 'started', 'updated'];
/** Rows that are drawn at first, and with each further request. */
const PAGE = 200;

/** The same number of decimals in each row, unless the text would be too long. */
const lossText = (loss: number): string => (Math.abs(loss) < 1000 ? loss.toFixed(3) : significant(loss, 4));

/** Roles are explicit because the narrow layout changes the table's display, which removes the implicit roles. */
export function RunsTable({
  rows,
  looks,
  view,
  columns: own,
  onView,
  baseline,
  selected,
  onSelect,
  onEdit,
  onDelete,
}: Props) {
  const { t, meta } = useApp();
  const [most, setMost] = useState(PAGE);
  const control = meta?.control === true;
  const toggle = (sort: string) =>
    onView({ sort, descending: view.sort === sort ? !view.descending : DESCENDING.includes(sort) });
  // The column has the best values of other metrics, too.
  const measured = rows.some(({ run }) => run.best !== undefined);
  const columns: readonly (readonly [string, string, string])[] = [
    ...FIRST.map(([key, name]) => {
      const title = name === 'accuracy' && measured ? 'best' : name;
      return [key, t(`runs.${title}`), `col-${name}`] as const;
    }),
    ...own.map((name) => [name, columnTitle(name), 'col-own'] as const),
    ...LAST.map(([key, name]) => [key, t(`runs.${name}`), `col-${name}`] as const),
  ];
  const all = rows.length > 0 && rows.every(({ run }) => selected.has(run.id));
  return (
    <>
      <label class="narrow-sort">
        {t('runs.sort')}
        <select value={view.sort} onChange={(event) => toggle(event.currentTarget.value)}>
          {columns.map(([key, title]) => (
            <option key={key} value={key}>
              {title}
            </option>
          ))}
        </select>
      </label>
      <div class={own.length > 0 ? 'runs-scroll' : ''}>
        <table class="runs" role="table" aria-label={t('runs.title')}>
          <thead role="rowgroup">
            <tr role="row">
              <th role="columnheader" scope="col" class="col-select">
                <input
                  type="checkbox"
                  checked={all}
                  aria-label={t('runs.selectAll')}
                  onChange={() => onSelect(all ? new Set() : new Set(rows.map(({ run }) => run.id)))}
                />
              </th>
              {columns.map(([key, title, name]) => (
                <th
                  key={key}
                  role="columnheader"
                  scope="col"
                  class={name}
                  title={name === 'col-own' ? key : undefined}
                  {...(key === view.sort
                    ? { 'aria-sort': view.descending ? ('descending' as const) : ('ascending' as const) }
                    : {})}
                >
                  <button type="button" class="sort" onClick={() => toggle(key)}>
                    {title}
                    {key === view.sort && <Icon name={view.descending ? 'down' : 'up'} />}
                  </button>
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
            {rows.slice(0, most).map((row, i) => (
              <RunRowView
                key={row.run.id}
                row={row}
                look={looks[i] ?? chosenLook(row.run)}
                columns={own}
                baseline={baseline}
                selected={selected.has(row.run.id)}
                onToggle={() => {
                  const next = new Set(selected);
                  if (!next.delete(row.run.id)) next.add(row.run.id);
                  onSelect(next);
                }}
                {...(control ? { onEdit: () => onEdit(row.run), onDelete: () => onDelete(row.run) } : {})}
              />
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > most && (
        <p class="runs-more">
          <button type="button" onClick={() => setMost(most + PAGE)}>
            {t('runs.more', { n: Math.min(PAGE, rows.length - most) })}
          </button>
          <span class="hint">{t('runs.drawn', { n: most, all: rows.length })}</span>
        </p>
      )}
    </>
  );
}

/** The preset of the network, and the recipe if it has another name. */
const networkOf = ({ preset, recipe }: RunSummary): string =>
  preset === recipe ? preset : `${preset} · ${recipe}`;

/** The look of a run without a curve. */
const chosenLook = ({ color }: RunSummary): RunLook | undefined =>
  color === undefined ? undefined : { color: `--run-${color}`, dash: undefined };

/** How a value differs from the baseline's, below it. */
function Difference({ name, row, baseline }: { name: string; row: RunRow; baseline: RunRow | undefined }) {
  const { t } = useApp();
  if (!baseline || baseline.run.id === row.run.id) return null;
  const text = differenceText(name, row, baseline);
  return text === undefined ? null : (
    <span class="under difference" title={t('table.difference', { name: baseline.run.name })}>
      {text}
    </span>
  );
}

function RunRowView({
  row,
  look,
  columns,
  baseline,
  selected,
  onToggle,
  onEdit,
  onDelete,
}: {
  row: RunRow;
  look: RunLook | undefined;
  columns: readonly string[];
  baseline: RunRow | undefined;
  selected: boolean;
  onToggle: () => void;
  onEdit?: () => void;
  onDelete?: () => void;
}) {
  const { t, language } = useApp();
  const now = useNow();
  const { run } = row;
  const isBase = baseline?.run.id === run.id;
  const moving = run.status === 'training' || run.status === 'paused';
  return (
    <tr role="row" class={`${selected ? 'selected' : ''}${isBase ? ' baseline' : ''}`}>
      <td role="cell" class="col-select">
        <input
          type="checkbox"
          checked={selected}
          aria-label={t('runs.pick', { name: run.name })}
          onChange={onToggle}
        />
      </td>
      <td role="cell" class="col-name">
        {look && <LineSample {...look} width={26} height={10} />}
        <a href={runHref(run.id)}>{run.name}</a>
        {isBase && (
          <span class="base">
            <Icon name="pin" /> {t('table.baseline')}
          </span>
        )}
        <Tags tags={run.tags} />
        {run.note && (
          <span class="under note" title={run.note}>
            {run.note}
          </span>
        )}
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
        {run.diverged && run.status !== 'failed' && <span class="under warn">{t('runs.diverged')}</span>}
        {run.status === 'failed' && run.error && (
          <span class="under clip" title={run.error}>
            {run.error}
          </span>
        )}
      </td>
      <td role="cell" class="col-data">
        {run.dataset}
        <span class="under">{run.kind ? t(`run.${run.kind}`) : networkOf(run)}</span>
      </td>
      <td role="cell" class="col-accuracy num">
        {run.best ? (
          <>
            {significant(run.best.value, 4)}
            <span class="under">{run.best.metric}</span>
          </>
        ) : run.bestAccuracy === undefined ? (
          <span class="nothing" title={t('runs.noAccuracy')}>
            –
          </span>
        ) : (
          percent(run.bestAccuracy)
        )}
        <Difference name="accuracy" row={row} baseline={baseline} />
      </td>
      <td role="cell" class="col-loss">
        <Spark
          values={run.spark}
          {...(run.lastLoss === undefined
            ? {}
            : { label: t('runs.lossNow', { loss: lossText(run.lastLoss) }) })}
        />
        <span class="under num">{run.lastLoss === undefined ? '' : lossText(run.lastLoss)}</span>
        <Difference name="loss" row={row} baseline={baseline} />
      </td>
      {columns.map((name) => {
        const value = valueIn(row, name);
        const differs = baseline !== undefined && !isBase && value !== valueIn(baseline, name);
        return (
          <td
            key={name}
            role="cell"
            class={`col-own${typeof value === 'number' ? ' num' : ''}${differs ? ' differs' : ''}`}
          >
            <span class="narrow-label">{name} </span>
            {cellText(name, value)}
            <Difference name={name} row={row} baseline={baseline} />
          </td>
        );
      })}
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
