import type { ComponentChildren } from 'preact';
import { useApp } from '../../app/context.js';
import { integer } from '../../lib/format.js';

export interface ChartControlsProps {
  /** Position of the smoothing slider, 0 to 100. */
  readonly slider: number;
  readonly onSlider: (value: number) => void;
  /** Smoothing in steps at the slider's position; 0 for none. */
  readonly span: number;
  readonly log: boolean;
  readonly onLog: (log: boolean) => void;
  /** Whether outliers are clipped. */
  readonly clip: boolean;
  readonly onClip: (clip: boolean) => void;
}

/** Smoothing and scale of the charts below, with a hint about gestures. */
export function ChartControls({
  slider,
  onSlider,
  span,
  log,
  onLog,
  clip,
  onClip,
}: ChartControlsProps): ComponentChildren {
  const { t, language } = useApp();
  return (
    <div class="chart-controls">
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
        <input type="checkbox" checked={log} onChange={(event) => onLog(event.currentTarget.checked)} />
        {t('chart.log')}
      </label>
      <label class="check" title={t('chart.clipWhy')}>
        <input type="checkbox" checked={clip} onChange={(event) => onClip(event.currentTarget.checked)} />
        {t('chart.clip')}
      </label>
      <p class="hint chart-hint">{t('chart.how')}</p>
    </div>
  );
}
