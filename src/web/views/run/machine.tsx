import { useCallback, useMemo, useState } from 'preact/hooks';
import type { MachineFigures } from '../../../serve/api.js';
import { get } from '../../app/api.js';
import { useApp } from '../../app/context.js';
import { useEvery, useLoad } from '../../app/use.js';
import type { LiveRun } from '../../app/use-run.js';
import { type Axis, axisOf } from '../../lib/curves/axis.js';
import { significant } from '../../lib/format.js';
import type { Range } from '../../lib/range.js';
import { Chart } from '../../ui/chart/chart.js';
import type { Line } from '../../ui/chart/line.js';

const AGAIN_MS = 5000;

type Name = keyof MachineFigures['values'];
/** One chart each: its title, and its lines. */
const CHARTS = [
  ['cpu', ['cpu']],
  ['cores', ['processCpu']],
  ['memory', ['memory']],
  ['gpu', ['gpu']],
  ['gpuMemory', ['gpuMiB']],
  ['disk', ['diskRead', 'diskWrite']],
  ['network', ['netIn', 'netOut']],
] as const satisfies readonly (readonly [string, readonly Name[]])[];
const COLORS = ['--line-1', '--line-2'] as const;

/** Processor, memory, disk, network and graphics card of the run, on one axis of time. */
export function MachineCharts({ id, run }: { id: string; run: LiveRun }) {
  const { t } = useApp();
  const [turn, setTurn] = useState(0);
  const [range, setRange] = useState<Range>();
  useEvery(
    AGAIN_MS,
    run.status === 'training',
    useCallback(() => setTurn((n) => n + 1), []),
  );
  const { value } = useLoad(
    `machine ${id} ${turn}`,
    (signal) => get('GET /api/runs/:id/machine', { params: { id } }, signal),
    { keep: true },
  );
  const wall = useMemo<Axis>(() => ({ ...axisOf('step', undefined), kind: 'wall' }), []);
  const charts = useMemo(() => {
    if (!value || value.time.length < 2) return [];
    return CHARTS.flatMap(([key, names]) => {
      const lines = names.flatMap((name, i): Line[] => {
        const column = value.values[name];
        return column
          ? [{ label: t(`machine.${name}`), color: COLORS[i]!, step: value.time, value: column }]
          : [];
      });
      return lines.length === 0 ? [] : [{ key, lines }];
    });
  }, [value, t]);
  if (charts.length === 0 || !value) return null;
  const bounds = { from: value.time[0]!, to: value.time.at(-1)! };
  return (
    <section class="block" aria-labelledby="machine-title">
      <h2 id="machine-title">{t('machine.title')}</h2>
      <div class="small-charts">
        {charts.map(({ key, lines }) => (
          <Chart
            key={key}
            title={t(`machine.chart.${key}`)}
            lines={lines}
            axis={wall}
            bounds={bounds}
            range={range}
            onRange={setRange}
            sync={`machine-${id}`}
            clip={false}
            height={150}
            zero
            quiet
            format={(number) => significant(number, 3)}
            summary={lines
              .map(({ label, value: column }) =>
                t('compare.last', { name: label, value: significant(column.at(-1) ?? Number.NaN, 3) }),
              )
              .join(t('semicolon'))}
          />
        ))}
      </div>
    </section>
  );
}
