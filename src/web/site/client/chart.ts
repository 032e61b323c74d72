import { seriesColour } from '../../../display/series-colours.js';
import { significant } from '../../lib/format.js';
import { type Drawn, drawChart, type Scales, scalesOf, type View, wholeView } from '../lib/draw.js';

const HEIGHT = 320;
/** Narrower drags are clicks. */
const LEAST_DRAG = 6;
/** Part of the axis that a key moves or zooms. */
const KEY_STEP = 0.02;
const KEY_ZOOM = 0.8;
const NARROWEST = 1e-6;

/** Makes each chart of the page one that can be hovered and zoomed. */
export function startCharts(): void {
  for (const figure of document.querySelectorAll<HTMLElement>('[data-chart]')) {
    const data = figure.querySelector('script[type="application/json"]')?.textContent;
    const plot = figure.querySelector<HTMLElement>('.plot');
    if (data && plot) new ChartView(figure, plot, JSON.parse(data) as Drawn);
  }
}

/** The values at a position: of each series its nearest point. */
interface Reading {
  readonly x: number;
  readonly values: readonly { readonly label: string; readonly color: number; readonly value: number }[];
}

class ChartView {
  readonly #whole: View;
  #view: View;
  #cursor: number | undefined;
  #dragFrom: number | undefined;
  #width = 0;
  readonly #line = document.createElement('div');
  readonly #band = document.createElement('div');
  readonly #tip = document.createElement('div');
  readonly #drawing = document.createElement('div');
  readonly #reset: HTMLButtonElement | null;
  readonly #says: HTMLElement | null;

  constructor(
    figure: HTMLElement,
    readonly plot: HTMLElement,
    readonly chart: Drawn,
  ) {
    this.#whole = wholeView(chart);
    this.#view = this.#whole;
    this.#reset = figure.querySelector('[data-chart-whole]');
    this.#says = figure.querySelector('[data-chart-says]');
    this.#line.className = 'plot-line';
    this.#band.className = 'plot-band';
    this.#tip.className = 'plot-tip';
    this.#drawing.append(...plot.childNodes);
    plot.replaceChildren(this.#drawing, this.#band, this.#line, this.#tip);
    this.#reset?.addEventListener('click', () => {
      this.#show(this.#whole);
      plot.focus();
    });
    plot.addEventListener('pointermove', (event) => this.#move(event));
    plot.addEventListener('pointerdown', (event) => this.#down(event));
    plot.addEventListener('pointerup', (event) => this.#up(event));
    plot.addEventListener('pointercancel', () => this.#drop());
    plot.addEventListener('pointerleave', () => {
      if (this.#dragFrom === undefined) this.#point(undefined);
    });
    plot.addEventListener('dblclick', () => this.#show(this.#whole));
    plot.addEventListener('keydown', (event) => this.#key(event));
    plot.addEventListener('blur', () => this.#point(undefined));
    new ResizeObserver(() => this.#draw()).observe(plot);
    addEventListener('beforeprint', () => this.#draw(true));
  }

  get #scales(): Scales {
    return scalesOf(this.chart, { width: this.#width, height: HEIGHT, view: this.#view });
  }

  #draw(again = false): void {
    const width = this.plot.clientWidth;
    if (width === 0 || (width === this.#width && !again)) return;
    this.#width = width;
    this.#drawing.innerHTML = drawChart(this.chart, { width, height: HEIGHT, view: this.#view });
    this.#point(undefined);
  }

  #show(view: View): void {
    const { from, to } = this.#whole;
    const least = (to - from) * NARROWEST;
    if (!(view.to - view.from > least)) return;
    this.#view = { from: Math.max(from, view.from), to: Math.min(to, view.to) };
    if (this.#reset) this.#reset.hidden = this.#view.from === from && this.#view.to === to;
    this.#draw(true);
  }

  #xOf(event: PointerEvent): number {
    return event.clientX - this.plot.getBoundingClientRect().left;
  }

  #down(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.#dragFrom = this.#xOf(event);
    this.plot.setPointerCapture(event.pointerId);
  }

  #move(event: PointerEvent): void {
    const x = this.#xOf(event);
    this.#point(this.#scales.at(x));
    if (this.#dragFrom === undefined) return;
    const { left, right } = this.#scales;
    const [a, b] = [this.#dragFrom, x].map((at) => Math.min(right, Math.max(left, at))) as [number, number];
    this.#band.style.display = Math.abs(b - a) < LEAST_DRAG ? 'none' : 'block';
    this.#band.style.left = `${Math.min(a, b)}px`;
    this.#band.style.width = `${Math.abs(b - a)}px`;
  }

  #up(event: PointerEvent): void {
    const start = this.#dragFrom;
    this.#drop();
    if (start === undefined) return;
    const end = this.#xOf(event);
    if (Math.abs(end - start) < LEAST_DRAG) return;
    const { at } = this.#scales;
    this.#show({ from: at(Math.min(start, end)), to: at(Math.max(start, end)) });
  }

  #drop(): void {
    this.#dragFrom = undefined;
    this.#band.style.display = 'none';
  }

  #key(event: KeyboardEvent): void {
    const { from, to } = this.#view;
    const size = to - from;
    const at = this.#cursor ?? from + size / 2;
    const zoomBy = (factor: number): void => {
      this.#show({ from: at - (at - from) * factor, to: at + (to - at) * factor });
      this.#point(at);
    };
    const moves: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => this.#point(Math.max(from, at - size * KEY_STEP), true),
      ArrowRight: () => this.#point(Math.min(to, at + size * KEY_STEP), true),
      '+': () => zoomBy(KEY_ZOOM),
      '=': () => zoomBy(KEY_ZOOM),
      '-': () => zoomBy(1 / KEY_ZOOM),
      Escape: () => this.#show(this.#whole),
    };
    const move = event.ctrlKey || event.metaKey || event.altKey ? undefined : moves[event.key];
    if (!move) return;
    event.preventDefault();
    move();
  }

  /** Shows the values near a position; hides them for undefined. @param aloud tell screen readers */
  #point(position: number | undefined, aloud = false): void {
    this.#cursor = position;
    const { left, right, x } = this.#scales;
    const reading = position === undefined ? undefined : this.#read(position);
    const shown = reading !== undefined && x(reading.x) >= left - 1 && x(reading.x) <= right + 1;
    this.#line.style.display = this.#tip.style.display = shown ? 'block' : 'none';
    if (!reading || !shown) return;
    const at = x(reading.x);
    this.#line.style.left = `${at}px`;
    const head = document.createElement('b');
    head.textContent = `${this.chart.xLabel} ${significant(reading.x, 6)}`;
    const lines = reading.values.map(({ label, color, value }) => {
      const line = document.createElement('span');
      const name = document.createElement('i');
      name.className = `run-${color}`;
      name.textContent = label;
      line.append(name, ` ${significant(value, 4)}${this.chart.unit}`);
      return line;
    });
    this.#tip.replaceChildren(head, ...lines);
    const { offsetWidth } = this.#tip;
    const beside = at + 12 + offsetWidth > this.#width ? at - 12 - offsetWidth : at + 12;
    this.#tip.style.left = `${Math.max(0, beside)}px`;
    if (aloud && this.#says)
      this.#says.textContent = [head, ...lines].map(({ textContent }) => textContent).join(', ');
  }

  /** The position with a point that is nearest, and each series' nearest value there. */
  #read(position: number): Reading | undefined {
    const { from, to } = this.#view;
    let best: number | undefined;
    for (const { x, y } of this.chart.series)
      for (const [i, at] of x.entries())
        if (y[i] !== null && at >= from && at <= to)
          if (best === undefined || Math.abs(at - position) < Math.abs(best - position)) best = at;
    if (best === undefined) return undefined;
    const reach = (to - from) / 50;
    const values = this.chart.series.flatMap(({ label, x, y }, k) => {
      let nearest: number | undefined;
      for (const [i, at] of x.entries())
        if (y[i] !== null && Math.abs(at - best!) <= reach)
          if (nearest === undefined || Math.abs(at - best!) < Math.abs(x[nearest]! - best!)) nearest = i;
      return nearest === undefined ? [] : [{ label, color: seriesColour(k), value: y[nearest]! }];
    });
    return { x: best, values };
  }
}
