/** A point of a training curve. */
export interface Point {
  readonly step: number;
  readonly value: number;
}

export interface CurveOptions {
  readonly title: string;
  /** A sentence below the title, such as the result. */
  readonly subtitle?: string;
  /** Training loss of each step. */
  readonly loss: readonly Point[];
  /** Test accuracy in percent, where it was measured. */
  readonly accuracy?: readonly Point[];
  /** Loss of guessing: ln of the number of classes. */
  readonly chance?: number;
}

const WIDTH = 860;
const HEIGHT = 430;
const AREA = { left: 58, right: WIDTH - 62, top: 74, bottom: HEIGHT - 48 };

/** Follows the viewer's light or dark theme. */
const STYLE = `
svg{font:13px system-ui,-apple-system,"Segoe UI",sans-serif;background:#fff}
.t{fill:#1b1f24}.m{fill:#59636e}.g{stroke:#d9dee4}.raw{stroke:#9cc4e8;fill:none}.line{stroke:#0b63b5;fill:none}
.chance{stroke:#8a5a00;stroke-dasharray:5 5}.chance-t{fill:#8a5a00}.acc{stroke:#b3261e;fill:#b3261e}.acc-t{fill:#b3261e}.loss-t{fill:#0b63b5}.halo{paint-order:stroke;stroke:#fff;stroke-width:5px;stroke-linejoin:round}
@media(prefers-color-scheme:dark){svg{background:#0d1117}.t{fill:#f0f3f6}.m{fill:#9aa4ae}.g{stroke:#2b323a}.raw{stroke:#274b6d}.line{stroke:#6cb6ff}
.chance{stroke:#d9a441}.chance-t{fill:#d9a441}.acc{stroke:#ff8b80;fill:#ff8b80}.acc-t{fill:#ff8b80}.loss-t{fill:#6cb6ff}.halo{stroke:#0d1117}}`;

const escapeXml = (text: string): string => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const round = (n: number): string => String(Math.round(n * 10) / 10);

/**
 * A training run as an SVG picture: the loss of each step and its running mean, the loss of guessing as a line
 * to leave behind, and test accuracy on an axis of its own. Readable in light and dark.
 */
export function curveSvg({ title, subtitle = '', loss, accuracy = [], chance }: CurveOptions): string {
  const steps = Math.max(1, ...loss.map((p) => p.step), ...accuracy.map((p) => p.step));
  const smooth = running(loss, Math.max(1, Math.min(50, Math.round(loss.length / 20))));
  const high = ceiling(loss, chance);
  const x = (step: number): number => AREA.left + ((AREA.right - AREA.left) * step) / steps;
  const y = (value: number, top: number): number =>
    AREA.bottom - ((AREA.bottom - AREA.top) * Math.min(value, top)) / top;
  const path = (points: readonly Point[]): string =>
    points.map((p, i) => `${i === 0 ? 'M' : 'L'}${round(x(p.step))} ${round(y(p.value, high))}`).join('');
  const parts: string[] = [];
  const text = (
    cls: string,
    at: readonly [number, number],
    words: string,
    anchor = 'start',
    size = 13,
  ): void => {
    parts.push(
      `<text class="${cls}" x="${round(at[0])}" y="${round(at[1])}" text-anchor="${anchor}" font-size="${size}">${escapeXml(words)}</text>`,
    );
  };
  const line = (cls: string, from: readonly [number, number], to: readonly [number, number]): void => {
    parts.push(
      `<line class="${cls}" x1="${round(from[0])}" y1="${round(from[1])}" x2="${round(to[0])}" y2="${round(to[1])}"/>`,
    );
  };
  text('t', [AREA.left, 28], title, 'start', 17);
  text('m', [AREA.left, 49], subtitle);
  for (const tick of ticks(high)) {
    line('g', [AREA.left, y(tick, high)], [AREA.right, y(tick, high)]);
    text('m', [AREA.left - 8, y(tick, high) + 4], String(tick), 'end');
  }
  for (const tick of ticks(steps))
    text('m', [x(tick), AREA.bottom + 20], tick.toLocaleString('en-US'), 'middle');
  text('m', [(AREA.left + AREA.right) / 2, HEIGHT - 8], 'step', 'middle');
  text('loss-t', [AREA.left - 34, AREA.top - 10], 'training loss');
  if (chance !== undefined) {
    line('chance', [AREA.left, y(chance, high)], [AREA.right, y(chance, high)]);
    text('chance-t', [AREA.right - 4, y(chance, high) - 7], `guessing (${chance.toFixed(3)})`, 'end', 12);
  }
  parts.push(
    `<path class="raw" stroke-width="1" d="${path(loss)}"/><path class="line" stroke-width="2.2" d="${path(smooth)}"/>`,
  );
  if (accuracy.length > 0) {
    text('acc-t', [AREA.right + 50, AREA.top - 10], 'test accuracy', 'end');
    for (const tick of [0, 50, 100]) text('acc-t', [AREA.right + 8, y(tick, 100) + 4], `${tick} %`);
    const at = (p: Point): [number, number] => [x(p.step), y(p.value, 100)];
    accuracy.slice(1).forEach((p, i) => {
      line('acc', at(accuracy[i]!), at(p));
    });
    for (const p of accuracy) {
      parts.push(`<circle class="acc" cx="${round(at(p)[0])}" cy="${round(at(p)[1])}" r="4"/>`);
    }
    const lastPoint = accuracy.at(-1)!;
    text(
      'acc-t halo',
      [at(lastPoint)[0] - 9, at(lastPoint)[1] - 9],
      `${round(lastPoint.value)} %`,
      'end',
      14,
    );
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${escapeXml(`${title}. ${subtitle}`)}"><style>${STYLE}</style>${parts.join('')}</svg>\n`;
}

/** Mean of the last `window` values at each point. */
function running(points: readonly Point[], window: number): Point[] {
  let sum = 0;
  return points.map((p, i) => {
    sum += p.value - (i >= window ? points[i - window]!.value : 0);
    return { step: p.step, value: sum / Math.min(i + 1, window) };
  });
}

/** Top of the loss axis: all but a few outliers fit below it. */
function ceiling(loss: readonly Point[], chance = 0): number {
  const sorted = loss.map((p) => p.value).sort((a, b) => a - b);
  const most = sorted[Math.floor(0.98 * (sorted.length - 1))] ?? 1;
  return Math.ceil(2 * Math.max(most * 1.05, chance * 1.1)) / 2;
}

/** About five round numbers from 0 to `top`. */
function ticks(top: number): number[] {
  const rough = top / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const size = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough)!;
  return Array.from({ length: Math.floor(top / size + 1e-9) + 1 }, (_, i) =>
    Number((i * size).toPrecision(12)),
  );
}
