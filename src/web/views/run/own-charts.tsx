import { useCallback, useMemo, useState } from 'preact/hooks';
import { get } from '../../app/api.js';
import { useApp } from '../../app/context.js';
import { useEvery, useLoad } from '../../app/use.js';
import type { LiveRun } from '../../app/use-run.js';
import { spanOf } from '../../lib/smooth.js';
import { ChartControls } from '../../ui/chart/chart-controls.js';
import { Missing, Problem } from '../../ui/problem.js';
import { MetricChart } from '../compare/compare-charts.js';
import { useRunView } from './use-run-view.js';

/** Metrics with charts of their own on the page. */
const ELSEWHERE =
  /^((loss|lr|imagesPerSecond|stepSeconds|dataSeconds|rssMiB)$|(epoch|test|gradient|norm|dead|active|machine)\/)/;
/** Time between two requests while the run is training. */
const AGAIN_MS = 2000;
const MOST = 200;

/**
 * A chart for each metric that the run logged itself.
 *
 * @param alone whether the run has no other curves: then these have the controls
 */
export function OwnCharts({
  id,
  run,
  query,
  alone,
}: {
  id: string;
  run: LiveRun;
  query: Readonly<Record<string, string>>;
  alone: boolean;
}) {
  const { t } = useApp();
  const [turn, setTurn] = useState(0);
  const training = run.status === 'training';
  useEvery(
    AGAIN_MS,
    training,
    useCallback(() => setTurn((n) => n + 1), []),
  );
  const names = useLoad(
    `metrics ${id} ${training ? Math.floor(turn / 3) : 0}`,
    (signal) => get('GET /api/metrics', { query: { runs: [encodeURIComponent(id)] } }, signal),
    { keep: true },
  );
  const { view, change, slider, onSlider } = useRunView(id, query);
  const detail = run.detail!;
  const runs = useMemo(() => [{ id, name: detail.name, color: '--line-1' }], [id, detail.name]);
  const own = (names.value ?? []).filter((name) => alone || !ELSEWHERE.test(name)).slice(0, MOST);
  if (names.failure) return <Problem failure={names.failure} />;
  if (own.length === 0) return alone && names.value ? <Missing>{t('own.none')}</Missing> : null;
  return (
    <section class={alone ? 'charts' : 'block charts'} aria-label={t('own.title')}>
      {alone ? (
        <ChartControls
          view={view}
          onChange={change}
          slider={slider}
          onSlider={onSlider}
          span={spanOf(slider, Math.max(2, detail.step))}
        />
      ) : (
        <h2>{t('own.title')}</h2>
      )}
      <div class="main-charts">
        {own.map((name) => (
          <MetricChart
            key={name}
            name={name}
            runs={runs}
            groups={undefined}
            view={view}
            onChange={change}
            spanOf={(steps) => spanOf(slider, steps)}
            turn={turn}
          />
        ))}
      </div>
    </section>
  );
}
