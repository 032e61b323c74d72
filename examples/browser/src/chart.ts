export interface Point {
  readonly x: number;
  readonly y: number;
}

const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 480;
const HEIGHT = 200;
const LEFT = 50;
const BOTTOM = 22;

function element(name: string, attributes: Record<string, string | number>, text?: string): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
}

/** A curve with its axes; the smooth line is a running mean. Drawn at most once per frame. */
export class Chart {
  readonly #points: Point[] = [];
  #last = 1;
  #drawing = false;

  /**
   * @param format text of a value on the axis
   * @param top largest value of the axis; the largest point if left out
   */
  constructor(
    readonly svg: SVGSVGElement,
    readonly format: (value: number) => string,
    readonly top?: number,
  ) {
    svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
  }

  /** Forgets all points. @param last largest x of the axis */
  reset(last: number): void {
    this.#points.length = 0;
    this.#last = Math.max(1, last);
    this.#draw();
  }

  add(point: Point): void {
    this.#points.push(point);
    this.#draw();
  }

  #draw(): void {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      this.#render();
    });
  }

  #render(): void {
    const finite = this.#points.filter(({ y }) => Number.isFinite(y));
    const top = this.top ?? Math.max(1e-9, ...finite.map(({ y }) => y));
    const x = (value: number): number => LEFT + ((WIDTH - LEFT - 6) * value) / this.#last;
    const y = (value: number): number => (HEIGHT - BOTTOM) * (1 - value / top) + 6 * (value / top);
    const parts: SVGElement[] = [];
    for (const share of [0, 0.5, 1]) {
      const at = y(share * top);
      parts.push(element('line', { class: 'grid', x1: LEFT, x2: WIDTH - 6, y1: at, y2: at }));
      parts.push(element('text', { x: LEFT - 6, y: at + 4, 'text-anchor': 'end' }, this.format(share * top)));
    }
    parts.push(element('text', { x: LEFT, y: HEIGHT - 4 }, '0'));
    parts.push(
      element('text', { x: WIDTH - 6, y: HEIGHT - 4, 'text-anchor': 'end' }, this.#last.toLocaleString()),
    );
    const line = (points: readonly Point[]): string =>
      points.map((p) => `${x(p.x).toFixed(1)},${y(Math.min(top, p.y)).toFixed(1)}`).join(' ');
    if (finite.length > 40) {
      let mean = finite[0]!.y;
      const smooth = finite.map((p) => ({ x: p.x, y: (mean += 0.1 * (p.y - mean)) }));
      parts.push(element('polyline', { class: 'raw', points: line(finite) }));
      parts.push(element('polyline', { class: 'curve', points: line(smooth) }));
    } else parts.push(element('polyline', { class: 'curve', points: line(finite) }));
    // A line of one point would be invisible.
    const [only] = finite.length === 1 ? finite : [];
    if (only) parts.push(element('circle', { class: 'point', cx: x(only.x), cy: y(only.y), r: 3 }));
    this.svg.querySelector('g')!.replaceChildren(...parts);
  }
}
