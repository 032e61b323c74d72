import type { ComponentChildren } from 'preact';
import { useApp } from '../../app/context.js';
import { AXES, type AxisKind } from '../../lib/curves/axis.js';
import type { ChartView } from '../../lib/curves/chart-view.js';
import { integer } from '../../lib/format.js';

export interface ChartControlsProps {
  readonly view: ChartView;
  readonly onChange: (change: Partial<ChartView>) => void;
  /** Position of the smoothing slider, 0 to 100. */
  readonly slider: number;
  readonly onSlider: (value: number) => void;
  /** Smoothing in steps at the slider's position; 0 for none. */
  readonly span: number;
  /** Further choices. */
  readonly children?: ComponentChildren;
}

/** Smoothing and scale of the charts below, with a hint about gestures. */
export function ChartControls({
  view: { axis, log, clip },
  onChange,
  slider,
  onSlider,
  span,
  children,
}: ChartControlsProps): ComponentChildren {
  const { t, language } = useApp();
  return (
    <div class="chart-controls">
      <label class="choice">
        {t('axis.title')}
        <select
          value={axis}
          onChange={(event) => onChange({ axis: event.currentTarget.value as AxisKind, range: undefined })}
        >
          {AXES.map((kind) => (
            <option key={kind} value={kind}>
              {t(`axis.${kind}`)}
            </option>
          ))}
        </select>
      </label>
      <label class="slider">
        <span>
          {t('chart.smoothing')}{' '}
          <output>
            {span > 0 ? t('chart.over', { n: integer(Math.max(1, span), language) }) : t('chart.off')}
          </output>
        </span>
        <input
          type="range"
          min="0"
          max="100"
          step="5"
          value={slider}
          onInput={(event) => onSlider(Number(event.currentTarget.value))}
        />
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={log}
          onChange={(event) => onChange({ log: event.currentTarget.checked })}
        />
        {t('chart.log')}
      </label>
      <label class="check" title={t('chart.clipWhy')}>
        <input
          type="checkbox"
          checked={clip}
          onChange={(event) => onChange({ clip: event.currentTarget.checked })}
        />
        {t('chart.clip')}
      </label>
      {children}
      <p class="hint chart-hint">{t('chart.how')}</p>
    </div>
  );
}
