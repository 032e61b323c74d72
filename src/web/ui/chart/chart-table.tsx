import { useState } from 'preact/hooks';
import { useApp } from '../../app/context.js';
import { integer } from '../../lib/format.js';
import { keepAfter, keepUntil, type Points, sample } from '../../lib/points.js';
import type { Range } from '../../lib/range.js';

/** A curve's values as a table, for screen readers and copying. Rendered when it is opened. */
export function ChartTable({
  points,
  range,
  name,
  format,
}: {
  points: Points;
  range: Range;
  name: string;
  format: (value: number) => string;
}) {
  const { t, language } = useApp();
  const [open, setOpen] = useState(false);
  const rows = open
    ? sample(keepUntil(keepAfter(points, Math.ceil(range.from) - 1), Math.floor(range.to)), 20)
    : [];
  return (
    <details class="numbers" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{t('chart.table')}</summary>
      {open && (
        <table>
          <thead>
            <tr>
              <th scope="col">{t('chart.steps')}</th>
              <th scope="col">{name}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ step, value }) => (
              <tr key={step}>
                <th scope="row">{integer(step, language)}</th>
                <td>{format(value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </details>
  );
}
