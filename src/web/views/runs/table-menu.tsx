import { useState } from 'preact/hooks';
import { FACT_NAMES } from '../../../display/run-query.js';
import { useApp } from '../../app/context.js';
import { csvCell } from '../../lib/chart-export.js';
import { type RunRow, tableCsv, tableJson } from '../../lib/table/rows.js';
import { download } from '../../ui/download.js';
import { CheckList, Menu, SearchField } from '../../ui/menu.js';

/** Values that the list always shows. */
const ALWAYS = ['name', 'status', 'tags', 'dataset', 'accuracy', 'loss', 'started', 'updated', 'note'];
/** Columns of a saved table that are in every table. */
const SAVED = ['id', 'name', 'status', 'tags', 'note', 'dataset', 'preset', 'recipe', 'seed', 'step'];
const RESULTS = ['accuracy', 'loss', 'started', 'updated'];

/** Chooses the list's columns, and saves the list as a file. */
export function TableMenu({
  rows,
  names,
  columns,
  onColumns,
}: {
  rows: readonly RunRow[];
  /** Names of all values. */
  names: readonly string[];
  columns: readonly string[];
  onColumns: (columns: readonly string[]) => void;
}) {
  const { t } = useApp();
  const [filter, setFilter] = useState('');
  const choices = [...new Set([...columns, ...names])].filter(
    (name) => !ALWAYS.includes(name) && name.toLowerCase().includes(filter.trim().toLowerCase()),
  );
  const saved = [...new Set([...SAVED, ...columns, ...RESULTS])];
  return (
    <>
      <Menu title={t('table.columns')} right>
        <SearchField label={t('table.findColumn')} value={filter} onInput={setFilter} />
        <CheckList
          names={choices}
          chosen={columns}
          onChange={onColumns}
          label={(name) => (FACT_NAMES.includes(name) ? name : <code>{name}</code>)}
        />
      </Menu>
      <Menu title={t('table.save')} right>
        <p class="hint">{t('table.saveWhy')}</p>
        <div class="buttons">
          <button
            type="button"
            aria-label={t('table.saveAs', { kind: 'CSV' })}
            onClick={() =>
              // The byte order mark tells spreadsheets that the file is UTF-8.
              download(new Blob(['\ufeff', tableCsv(rows, saved, csvCell)], { type: 'text/csv' }), 'runs.csv')
            }
          >
            CSV
          </button>
          <button
            type="button"
            aria-label={t('table.saveAs', { kind: 'JSON' })}
            onClick={() =>
              download(new Blob([tableJson(rows, saved)], { type: 'application/json' }), 'runs.json')
            }
          >
            JSON
          </button>
        </div>
      </Menu>
    </>
  );
}
