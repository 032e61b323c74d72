import type { ComponentChildren } from 'preact';
import { useEffect, useId, useMemo, useRef, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import type { Limits } from '../../../display/robust-limits.js';
import { useApp } from '../../app/context.js';
import { go } from '../../app/router.js';
import { useWidth } from '../../app/use.js';
import { type Axis, CLOSEST, placed, positionText, STEPS } from '../../lib/curves/axis.js';
import { linesAt } from '../../lib/curves/readout.js';
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

/** Lines whose values are shown at the cursor, and names in the legend. */
const MOST_VALUES = 16;
const MOST_NAMED = 24;
/** Maximum distance of a click from the line that it opens. */
const CLICK_PIXELS = 30;

export interface ChartProps {
  readonly title: string;
  /** Lines over steps. */
  readonly lines: readonly Line[];
  readonly height: number;
  /** Default: steps. A line's own axis takes precedence. */
  readonly axis?: Axis;
  /** Limits of the axis; `range` is on the axis too. */
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
  /** False where the names of the lines stand elsewhere on the page. */
  readonly legend?: boolean;
  /** Hides the zoom buttons, for small charts that follow another. */
  readonly quiet?: boolean;
  /** Text description of the curve. */
  readonly summary: string;
  /** The values as a table. */
  readonly children?: ComponentChildren;
}

/** A chart over steps, epochs or time with zoom and pan by pointer, wheel, touch and keyboard, and a text alternative. */
export function Chart(props: ChartProps) {
  const { t, dark, language } = useApp();
  const id = useId();
  const host = useRef<HTMLDivElement>(null);
  const readout = useRef<HTMLParagraphElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const { height, log = false, bounds, clip, axis = STEPS } = props;
  const { kind } = axis;
  const lines = useMemo(
    () => props.lines.map((line) => placed(line, line.axis ?? axis)),
    [props.lines, axis],
  );
  const drawnLines = useRef(lines);
  drawnLines.current = lines;
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
  const view = (): View => ({
    range: shown.current,
    bounds: latest.current.bounds,
    change,
    closest: CLOSEST[kind],
  });
  const placeText = (x: number): string => t(`axis.at.${kind}`, { n: positionText(kind, x, language) });
  /** Within a sentence. */
  const innerText = (x: number): string =>
    kind === 'step' || kind === 'epoch' ? placeText(x).toLowerCase() : placeText(x);

  const [drawn, setDrawn] = useState<Limits>();
  const hover = (x: number | undefined, made: uPlot) => {
    const box = readout.current;
    if (!box) return;
    box.replaceChildren(...(x === undefined ? [] : valuesAt(x, made)));
    const { left = 0, top = 0 } = made.cursor;
    // Beside the cursor, on the side that has the space.
    const onLeft = left > made.over.clientWidth / 2;
    box.classList.toggle('readout-left', onLeft);
    const edge = made.over.offsetLeft + left;
    box.style.setProperty('--at', `${onLeft ? made.root.clientWidth - edge : edge}px`);
    box.style.setProperty('--top', `${made.root.offsetTop + Math.max(0, Math.min(top, 60))}px`);
  };
  /** The step, and each line's value at its nearest step, which is shown if it differs. */
  const valuesAt = (step: number, made: uPlot): Node[] => {
    const named = drawnLines.current.filter(({ faint }) => !faint);
    const { shown: all, more } = linesAt(named, step, (line) => distance(line, step, made), MOST_VALUES);
    const { format } = latest.current;
    const near = (shown.current.to - shown.current.from) / 100;
    const head = document.createElement('span');
    head.textContent = placeText(step);
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
      item.append(sampleOf(line), name, ` ${typeof value === 'number' ? format(value) : '–'}`);
      if (Math.abs(own - step) > near) item.append(` ${t('chart.atStep', { place: innerText(own) })}`);
      return [item];
    });
    if (values.length === 0) return [];
    if (more === 0) return [head, ...values];
    const rest = document.createElement('span');
    rest.textContent = t('chart.more', { n: more });
    return [head, ...values, rest];
  };

  const shape = lines
    .map((line) => `${line.label} ${line.color} ${!!line.band} ${line.dash} ${!!line.faint}`)
    .join('|');
  useEffect(() => {
    if (!host.current || width <= 0) return;
    const { format, vertical, zero, sync } = latest.current;
    const made = makePlot(host.current, {
      width,
      height,
      lines: drawnLines.current,
      axis: kind,
      language,
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
    const click = (event: MouseEvent) => {
      // Not the end of a drag.
      if (event.detail === 1 && Math.abs(event.clientX - pressed) < 4) openNearest(drawnLines.current, made);
    };
    let pressed = 0;
    const press = (event: MouseEvent) => {
      pressed = event.clientX;
    };
    made.over.addEventListener('mousedown', press, { capture: true });
    made.over.addEventListener('click', click);
    return () => {
      detach();
      made.destroy();
      plot.current = undefined;
    };
  }, [shape, width > 0, height, log, clip, dark, language, kind, String(props.vertical)]);

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
    change(zoom(shown.current, factor, (shown.current.from + shown.current.to) / 2, bounds, CLOSEST[kind]));
  const whole = isWhole(range, bounds);
  return (
    <figure class={`chart${props.quiet ? ' chart-small' : ''}`} ref={measure}>
      <figcaption class="chart-head">
        <h3 id={`${id}-title`}>{props.title}</h3>
        {!props.quiet && props.legend !== false && <Legend lines={lines} />}
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
      {drawn && (
        <Marks lines={lines} frame={drawn} range={range} format={props.format} innerText={innerText} />
      )}
      {props.children}
      {drawn && (
        <ChartSave
          chart={{
            title: props.title,
            xLabel: t(`axis.${kind}`),
            xText: (x) =>
              kind !== 'step' ? positionText(kind, x, language) : Number.isInteger(x) ? String(x) : '',
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
  innerText,
}: {
  lines: readonly Line[];
  frame: Limits;
  range: Range;
  format: (value: number) => string;
  innerText: (x: number) => string;
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
            at: innerText(at),
          })}
        </p>
      )}
      {gaps.size > 0 && (
        <p class="chart-marks">
          {t('chart.gaps', {
            n: integer(gaps.size, language),
            at: innerText(Math.min(...gaps)),
          })}
        </p>
      )}
    </>
  );
}

/** The value of a line at the point nearest to a position. */
function valueNear({ step, value }: Line, x: number): number | undefined {
  const found = value[nearest(step, x)];
  return typeof found === 'number' && Number.isFinite(found) ? found : undefined;
}

const distance = (line: Line, x: number, made: uPlot): number => {
  const value = valueNear(line, x);
  return value === undefined ? Infinity : Math.abs(made.valToPos(value, 'y') - (made.cursor.top ?? 0));
};

const SVG = 'http://www.w3.org/2000/svg';

/** A short piece of a line, as {@link LineSample} draws it; the readout changes too often for components. */
function sampleOf({ color, dash }: Line): Element {
  const svg = document.createElementNS(SVG, 'svg');
  for (const [name, value] of Object.entries({ width: '20', height: '8', 'aria-hidden': 'true' }))
    svg.setAttribute(name, value);
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('class', 'stroke');
  path.setAttribute('d', 'M1 4H19');
  if (dash) path.setAttribute('stroke-dasharray', dash.join(' '));
  path.style.stroke = `var(${color})`;
  svg.append(path);
  return svg;
}

/** Opens the run whose line was clicked. */
function openNearest(lines: readonly Line[], made: uPlot): void {
  const x = made.posToVal(made.cursor.left ?? 0, 'x');
  const order = lines
    .filter(({ href }) => href !== undefined)
    .map((line) => ({ line, far: distance(line, x, made) }))
    .sort((a, b) => a.far - b.far);
  const [first] = order;
  if (first && first.far <= CLICK_PIXELS) go(first.line.href!);
}

function Legend({ lines: all }: { lines: readonly Line[] }) {
  const lines = all.filter(({ faint }) => !faint);
  if (lines.length < 2) return null;
  return (
    <ul class="legend">
      {lines.slice(0, MOST_NAMED).map((line) => (
        <li key={line.label}>
          <LineSample color={line.color} dash={line.dash} width={22} height={8} />
          {line.label}
        </li>
      ))}
      {lines.length > MOST_NAMED && <li>+ {lines.length - MOST_NAMED}</li>}
    </ul>
  );
}
