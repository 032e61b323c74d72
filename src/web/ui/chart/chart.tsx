import type { ComponentChildren } from 'preact';
import { useEffect, useId, useMemo, useRef, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import type { Limits } from '../../../robust-limits.js';
import { useApp } from '../../app/context.js';
import { useWidth } from '../../app/use.js';
import { integer } from '../../lib/format.js';
import { nearest } from '../../lib/points.js';
import { outsideOf } from '../../lib/points-outside-frame.js';
import { clamp, isWhole, type Range, zoom } from '../../lib/range.js';
import { Icon } from '../icon.js';
import { ChartSave } from './chart-save.js';
import { attachGestures, keyGesture, type View } from './gestures.js';
import type { Line } from './line.js';
import { LineSample } from './line-sample.js';
import { alignedData, makePlot } from './plot.js';

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
  /** Whether outliers are clipped and marked. */
  readonly clip: boolean;
  /** Charts with the same name share their cursor. */
  readonly sync?: string;
  /** Hides the zoom buttons, for small charts that follow another. */
  readonly quiet?: boolean;
  /** Text description of the curve. */
  readonly summary: string;
  /** The values as a table. */
  readonly children?: ComponentChildren;
}

/** A chart over steps with zoom and pan by pointer, wheel, touch and keyboard, and a text alternative. */
export function Chart(props: ChartProps) {
  const { t, dark, language } = useApp();
  const id = useId();
  const host = useRef<HTMLDivElement>(null);
  const readout = useRef<HTMLParagraphElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const { lines, height, log = false, bounds, clip } = props;
  const [measure, width] = useWidth();
  const range = useMemo(() => clamp(props.range ?? bounds, bounds), [props.range, bounds]);
  // Gestures are faster than redraws, so they build on the range of the last gesture.
  const shown = useRef(range);
  const frame = useRef(0);
  // A range not yet reported takes precedence over redraws caused by new steps.
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

  const [drawn, setDrawn] = useState<Limits>();
  const hover = (step: number | undefined) => {
    readout.current?.replaceChildren(...(step === undefined ? [] : valuesAt(latest.current, step)));
  };
  /** The step, and each line's value at its nearest step, which is shown if it differs. */
  const valuesAt = ({ lines: all, format }: ChartProps, step: number): Node[] => {
    const near = (shown.current.to - shown.current.from) / 100;
    const head = document.createElement('span');
    head.textContent = t('chart.step', { n: integer(step, language) });
    const values = all.flatMap((line): Node[] => {
      const at = nearest(line.step, step);
      if (at < 0) return [];
      const value = line.value[at];
      const own = line.step[at]!;
      const name = document.createElement('span');
      name.className = 'readout-name';
      name.textContent = line.label;
      const item = document.createElement('span');
      item.className = 'readout-value';
      item.style.setProperty('--line', `var(${line.color})`);
      item.append(name, ` ${typeof value === 'number' ? format(value) : '–'}`);
      if (Math.abs(own - step) > near) item.append(` ${t('chart.atStep', { n: integer(own, language) })}`);
      return [item];
    });
    return values.length > 0 ? [head, ...values] : [];
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
      clip,
      framed: (next) =>
        setDrawn((before) => (before?.min === next.min && before.max === next.max ? before : next)),
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
  }, [shape, width > 0, height, log, clip, dark, language]);

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
        {!props.quiet && <Legend lines={lines} />}
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
      {props.quiet && <Legend lines={lines} />}
      <p ref={readout} class="chart-readout" aria-hidden="true" />
      <p id={`${id}-summary`} class="chart-summary">
        {props.summary}
      </p>
      {drawn && <Marks lines={lines} frame={drawn} range={range} format={props.format} />}
      {props.children}
      {drawn && (
        <ChartSave
          chart={{
            title: props.title,
            xLabel: t('chart.steps'),
            lines,
            range,
            frame: drawn,
            log,
            format: props.format,
          }}
        />
      )}
    </figure>
  );
}

/** Text description of a chart's marks. */
function Marks({
  lines,
  frame,
  range,
  format,
}: {
  lines: readonly Line[];
  frame: Limits;
  range: Range;
  format: (value: number) => string;
}) {
  const { t, language } = useApp();
  const inRange = (step: number) => step >= range.from && step <= range.to;
  const beyond = new Map<number, number>();
  const gaps = new Set<number>();
  for (const line of lines) {
    const found = outsideOf(line, frame);
    for (const { step, value } of [...found.above, ...found.below].filter(({ step }) => inRange(step)))
      if (Math.abs(value) >= Math.abs(beyond.get(step) ?? 0)) beyond.set(step, value);
    for (const step of found.gaps.filter(inRange)) gaps.add(step);
  }
  const [at, value] = [...beyond].reduce<[number, number]>(
    (most, each) => (Math.abs(each[1]) >= Math.abs(most[1]) ? each : most),
    [0, 0],
  );
  return (
    <>
      {beyond.size > 0 && (
        <p class="chart-marks">
          {t('chart.beyond', {
            n: integer(beyond.size, language),
            value: format(value),
            at: integer(at, language),
          })}
        </p>
      )}
      {gaps.size > 0 && (
        <p class="chart-marks">
          {t('chart.gaps', {
            n: integer(gaps.size, language),
            at: integer(Math.min(...gaps), language),
          })}
        </p>
      )}
    </>
  );
}

function Legend({ lines }: { lines: readonly Line[] }) {
  if (lines.length < 2) return null;
  return (
    <ul class="legend">
      {lines.map((line) => (
        <li key={line.label}>
          <LineSample color={line.color} dash={line.dash} width={22} height={8} />
          {line.label}
        </li>
      ))}
    </ul>
  );
}
