export interface Point {
  readonly x: number;
  readonly y: number;
}

const SVG = 'http://www.w3.org/2000/svg';
const HEIGHT = 200;
const LEFT = 50;
const BOTTOM = 22;
const MOST_POINTS = 2000;
/** Longer curves get a smooth line. */
const FEW = 40;
/** Milliseconds between drawings: a curve does not move faster, and the page's frames stay free for the rest. */
const EVERY = 100;

function element(name: string, attributes: Record<string, string | number>, text?: string): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
}

/** A curve with its axes; the smooth line is a running mean. Drawn at most ten times a second. */
export class Chart {
  readonly #points: Point[] = [];
  #last = 1;
  #drawing = false;
  #drawn = Number.NEGATIVE_INFINITY;

  /**
   * @param format text of a value on the axis
   * @param top largest value of the axis; the largest point if left out
   */
  constructor(
    readonly svg: SVGSVGElement,
    readonly format: (value: number) => string,
    readonly top?: number,
  ) {
    // Drawn at its own size, so that its text is as large as other text.
    new ResizeObserver(() => this.#draw()).observe(svg);
  }

  /** Forgets all points. @param last largest x of the axis */
  reset(last: number): void {
    this.#points.length = 0;
    this.#last = Math.max(1, last);
    this.#draw();
  }

  add(point: Point): void {
    this.#points.push(point);
    if (this.#points.length > MOST_POINTS) this.#halve();
    this.#draw();
  }

  /** Replaces each two points by their mean, so that a long training does not take longer to draw. */
  #halve(): void {
    const points = this.#points.splice(0);
    for (let i = 0; i + 1 < points.length; i += 2) {
      const [a, b] = [points[i]!, points[i + 1]!];
      this.#points.push({ x: b.x, y: (a.y + b.y) / 2 });
    }
  }

  #draw(): void {
    if (this.#drawing) return;
    this.#drawing = true;
    const render = (): void => {
      this.#drawing = false;
      this.#drawn = performance.now();
      this.#render();
    };
    setTimeout(() => requestAnimationFrame(render), Math.max(0, this.#drawn + EVERY - performance.now()));
  }

  #render(): void {
    const width = this.svg.clientWidth;
    if (width === 0) return;
    this.svg.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`);
    const finite = this.#points.filter(({ y }) => Number.isFinite(y));
    let mean = finite[0]?.y ?? 1;
    const smooth = finite.map((p) => ({ x: p.x, y: (mean += 0.1 * (p.y - mean)) }));
    // A few large values must not flatten the rest of a long curve.
    const shown = finite.length > FEW ? smooth.map(({ y }) => 1.25 * y) : finite.map(({ y }) => y);
    const top = this.top ?? (shown.length > 0 ? Math.max(1e-9, ...shown) : 1);
    const x = (value: number): number => LEFT + ((width - LEFT - 6) * value) / this.#last;
    const y = (value: number): number => (HEIGHT - BOTTOM) * (1 - value / top) + 6 * (value / top);
    const parts: SVGElement[] = [];
    for (const share of [0, 0.5, 1]) {
      const at = y(share * top);
      parts.push(element('line', { class: 'grid', x1: LEFT, x2: width - 6, y1: at, y2: at }));
      parts.push(element('text', { x: LEFT - 6, y: at + 4, 'text-anchor': 'end' }, this.format(share * top)));
    }
    parts.push(element('text', { x: LEFT, y: HEIGHT - 4 }, '0'));
    parts.push(
      element('text', { x: width - 6, y: HEIGHT - 4, 'text-anchor': 'end' }, this.#last.toLocaleString()),
    );
    const line = (points: readonly Point[]): string =>
      points.map((p) => `${x(p.x).toFixed(1)},${y(Math.min(top, p.y)).toFixed(1)}`).join(' ');
    if (finite.length > FEW) {
      parts.push(element('polyline', { class: 'raw', points: line(finite) }));
      parts.push(element('polyline', { class: 'curve', points: line(smooth) }));
    } else parts.push(element('polyline', { class: 'curve', points: line(finite) }));
    // A line of one point would be invisible.
    const [only] = finite.length === 1 ? finite : [];
    if (only) parts.push(element('circle', { class: 'point', cx: x(only.x), cy: y(only.y), r: 3 }));
    this.svg.querySelector('g')!.replaceChildren(...parts);
  }
}
