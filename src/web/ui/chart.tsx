import type { ComponentChildren } from 'preact';
import { useEffect, useId, useMemo, useRef } from 'preact/hooks';
import type uPlot from 'uplot';
import { useApp } from '../app/context.js';
import { useWidth } from '../app/use.js';
import { integer } from '../lib/format.js';
import { clamp, isWhole, type Range, zoom } from '../lib/range.js';
import { attachGestures, keyGesture, type View } from './gestures.js';
import { Icon } from './icon.js';
import { alignedData, columnOf, type Line, makePlot } from './plot.js';

export interface ChartProps {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly height: number;
  readonly bounds: Range;
  /** Undefined: the whole run. */
  readonly range: Range | undefined;
  readonly onRange: (range: Range | undefined) => void;
  readonly format: (value: number) => string;
  readonly log?: boolean;
  readonly vertical?: readonly [number, number];
  readonly zero?: boolean;
  /** Charts with the same name share their cursor. */
  readonly sync?: string;
  /** Whether zooming is offered; a small chart that follows another has no buttons of its own. */
  readonly quiet?: boolean;
  /** A sentence that says what the curve shows. */
  readonly summary: string;
  /** The numbers as a table. */
  readonly children?: ComponentChildren;
}

/** A curve over steps that zooms and pans by pointer, wheel, touch and keyboard, with its numbers as text. */
export function Chart(props: ChartProps) {
  const { t, dark, language } = useApp();
  const id = useId();
  const host = useRef<HTMLDivElement>(null);
  const readout = useRef<HTMLParagraphElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const { lines, height, log = false, bounds } = props;
  const [measure, width] = useWidth();
  const range = useMemo(() => clamp(props.range ?? bounds, bounds), [props.range, bounds]);
  // Gestures outrun the drawing: they go on from where the last one led.
  const shown = useRef(range);
  const frame = useRef(0);
  // A gesture that is not reported yet outranks a drawing that new steps have caused.
  if (frame.current === 0) shown.current = range;
  useEffect(() => () => cancelAnimationFrame(frame.current), []);

  const change = (next: Range) => {
    shown.current = next;
    plot.current?.setScale('x', { min: next.from, max: next.to });
    if (frame.current) return;
    frame.current = requestAnimationFrame(() => {
      frame.current = 0;
      const { onRange, bounds: all } = latest.current;
      onRange(isWhole(shown.current, all) ? undefined : shown.current);
    });
  };
  const view = (): View => ({ range: shown.current, bounds: latest.current.bounds, change });

  const hover = (index: number | undefined, step: number | undefined) => {
    const text = readout.current;
    const u = plot.current;
    if (!text || !u) return;
    const parts =
      index === undefined || step === undefined
        ? []
        : latest.current.lines.flatMap((line, i) => {
            const value = u.data[columnOf(latest.current.lines, i)]?.[index];
            return typeof value === 'number' ? [`${line.label} ${latest.current.format(value)}`] : [];
          });
    text.textContent =
      parts.length > 0 && step !== undefined
        ? `${t('chart.step', { n: integer(step, language) })} · ${parts.join(' · ')}`
        : '';
  };

  const shape = lines.map((line) => `${line.label} ${line.color} ${!!line.band} ${line.dash}`).join('|');
  useEffect(() => {
    if (!host.current || width <= 0) return;
    const { format, vertical, zero, sync } = latest.current;
    const made = makePlot(host.current, {
      width,
      height,
      lines: latest.current.lines,
      log,
      range: shown.current,
      format,
      select: (next) => change(clamp(next, latest.current.bounds)),
      hover,
      ...(vertical ? { vertical } : {}),
      ...(zero ? { zero } : {}),
      ...(sync ? { sync } : {}),
    });
    plot.current = made;
    made.setScale('x', { min: shown.current.from, max: shown.current.to });
    const detach = attachGestures(made.over, made, view);
    return () => {
      detach();
      made.destroy();
      plot.current = undefined;
    };
  }, [shape, width > 0, height, log, dark, language]);

  useEffect(() => {
    if (width > 0) plot.current?.setSize({ width, height });
  }, [width, height]);
  const data = useMemo(() => alignedData(lines, log), [lines, log]);
  useEffect(() => {
    plot.current?.batch(() => {
      plot.current?.setData(data, false);
      plot.current?.setScale('x', { min: shown.current.from, max: shown.current.to });
    });
  }, [data, range]);

  const zoomBy = (factor: number) =>
    change(zoom(shown.current, factor, (shown.current.from + shown.current.to) / 2, bounds));
  const whole = isWhole(range, bounds);
  return (
    <figure class={`chart${props.quiet ? ' chart-small' : ''}`} ref={measure}>
      <figcaption class="chart-head">
        <h3 id={`${id}-title`}>{props.title}</h3>
        <Legend lines={lines} />
        {!props.quiet && (
          <div class="chart-tools">
            <button
              type="button"
              class="icon"
              title={t('chart.in')}
              aria-label={t('chart.in')}
              onClick={() => zoomBy(0.5)}
            >
              <Icon name="plus" />
            </button>
            <button
              type="button"
              class="icon"
              title={t('chart.out')}
              aria-label={t('chart.out')}
              disabled={whole}
              onClick={() => zoomBy(2)}
            >
              <Icon name="minus" />
            </button>
            <button type="button" class="quiet" disabled={whole} onClick={() => change(bounds)}>
              {t('chart.reset')}
            </button>
          </div>
        )}
      </figcaption>
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is for forms. */}
      <div
        ref={host}
        class="chart-plot"
        role="group"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it zooms and pans by keys.
        tabIndex={0}
        aria-labelledby={`${id}-title`}
        aria-describedby={`${id}-summary ${id}-keys`}
        onKeyDown={(event) => {
          if (event.ctrlKey || event.metaKey || event.altKey) return;
          if (keyGesture(event.key, view())) event.preventDefault();
        }}
      />
      <p id={`${id}-keys`} class="visually-hidden">
        {t('chart.keys')}
      </p>
      <p ref={readout} class="chart-readout" aria-hidden="true" />
      <p id={`${id}-summary`} class="chart-summary">
        {props.summary}
      </p>
      {props.children}
    </figure>
  );
}

function Legend({ lines }: { lines: readonly Line[] }) {
  if (lines.length < 2) return null;
  return (
    <ul class="legend">
      {lines.map((line) => (
        <li key={line.label}>
          <svg width="22" height="8" aria-hidden="true">
            <line
              x1="1"
              x2="21"
              y1="4"
              y2="4"
              class="stroke"
              style={{ stroke: `var(${line.color})` }}
              stroke-dasharray={line.dash?.join(' ')}
            />
          </svg>
          {line.label}
        </li>
      ))}
    </ul>
  );
}
