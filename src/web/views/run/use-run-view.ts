import { replace } from '../../app/router.js';
import { recall, remember } from '../../app/storage.js';
import { useChartView } from '../../app/use-chart-view.js';
import type { ChartView } from '../../lib/curves/chart-view.js';
import { runHref } from '../../lib/route.js';

const KEY = 'smoothing';
const USUAL = 40;

export interface RunView {
  readonly view: ChartView;
  readonly change: (change: Partial<ChartView>) => void;
  /** Position of the smoothing slider, 0 to 100. */
  readonly slider: number;
  readonly onSlider: (smooth: number) => void;
}

/** The state of a run's charts, kept in the address. The smoothing is also remembered for other runs. */
export function useRunView(id: string, query: Readonly<Record<string, string>>): RunView {
  const [view, change] = useChartView(query, (next) => replace(runHref(id, 'live', { ...query, ...next })));
  const onSlider = (smooth: number): void => {
    change({ smooth });
    remember(KEY, String(smooth));
  };
  return { view, change, slider: view.smooth ?? sliderFrom(recall(KEY)), onSlider };
}

/** The stored value may come from another version. */
function sliderFrom(kept: string | undefined): number {
  const value = Number(kept ?? USUAL);
  return value >= 0 && value <= 100 ? value : USUAL;
}
