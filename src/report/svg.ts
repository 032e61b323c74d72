/** Languages of reports. */
export type Language = 'en' | 'zh';

/** One style for all figures, with light and dark themes and fonts for both languages, so that figures can share a page. */
const STYLE = `
svg{font:13px system-ui,-apple-system,"Segoe UI","Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif;background:#fff}
.t{fill:#1b1f24}.m{fill:#59636e}.g{stroke:#d9dee4}.raw{stroke:#9cc4e8;fill:none}.line{stroke:#0b63b5;fill:none}
.chance{stroke:#8a5a00;stroke-dasharray:5 5}.chance-t{fill:#8a5a00}.acc{stroke:#b3261e;fill:#b3261e}.acc-t{fill:#b3261e}.loss-t{fill:#0b63b5}.halo{paint-order:stroke;stroke:#fff;stroke-width:5px;stroke-linejoin:round}
.box{fill:#eef2f6;stroke:#8c959f}.side{fill:#dde4ec;stroke:#8c959f}.top{fill:#f6f8fa;stroke:#8c959f}.bar{fill:#0b63b5}.good{fill:#1a7f37}.bad{fill:#b3261e}.empty{fill:#eef2f6}.frame{fill:none;stroke:#d9dee4}.heat{fill:#0b63b5}.on{fill:#fff}.px{image-rendering:pixelated}
.s{fill:none;stroke-width:2}.s0{stroke:#0b63b5}.s1{stroke:#b3261e}.s2{stroke:#1a7f37}.s3{stroke:#8a5a00}.s4{stroke:#7b3fb5}.s5{stroke:#00757f}.s6{stroke:#b5307f}.s7{stroke:#59636e}
@media(prefers-color-scheme:dark){svg{background:#0d1117}.t{fill:#f0f3f6}.m{fill:#9aa4ae}.g{stroke:#2b323a}.raw{stroke:#274b6d}.line{stroke:#6cb6ff}
.chance{stroke:#d9a441}.chance-t{fill:#d9a441}.acc{stroke:#ff8b80;fill:#ff8b80}.acc-t{fill:#ff8b80}.loss-t{fill:#6cb6ff}.halo{stroke:#0d1117}
.box{fill:#1c232c;stroke:#6e7781}.side{fill:#262f3a;stroke:#6e7781}.top{fill:#161b22;stroke:#6e7781}.bar{fill:#6cb6ff}.good{fill:#56d364}.bad{fill:#ff8b80}.empty{fill:#1c232c}.frame{stroke:#2b323a}.heat{fill:#6cb6ff}.on{fill:#0d1117}
.s0{stroke:#6cb6ff}.s1{stroke:#ff8b80}.s2{stroke:#56d364}.s3{stroke:#d9a441}.s4{stroke:#c297ff}.s5{stroke:#4fd1d9}.s6{stroke:#ff8fc7}.s7{stroke:#9aa4ae}}`;

/** Number of series colours in a figure; further series change the dash pattern. */
export const COLOURS = 8;

// biome-ignore lint/suspicious/noControlCharactersInRegex: XML has no way to write them
const NOT_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;

/** Escapes text for SVG and HTML, including attributes. Characters that XML cannot contain are replaced. */
export const escapeXml = (text: string): string =>
  text.replace(NOT_XML, '\ufffd').replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

/** Formats a coordinate, rounded to a tenth of a pixel. */
export const round = (n: number): string => String(Math.round(n * 10) / 10);

/** Shortens a text to at most `length` characters. */
export function shorten(text: string, length: number): string {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}

type At = readonly [x: number, y: number];

export interface TextOptions {
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly size?: number;
  /** Rotation in degrees around the text's position. */
  readonly turn?: number;
}

/** Collects the elements of an SVG image. Classes are defined in {@link STYLE}; all text is escaped here. */
export class Drawing {
  readonly #parts: string[] = [];

  /** @param label accessible description of the image */
  constructor(
    readonly width: number,
    readonly height: number,
    readonly label: string,
  ) {}

  text(
    cls: string,
    [x, y]: At,
    words: string,
    { anchor = 'start', size = 13, turn }: TextOptions = {},
  ): void {
    const turned = turn === undefined ? '' : ` transform="rotate(${turn} ${round(x)} ${round(y)})"`;
    this.#parts.push(
      `<text class="${cls}" x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" font-size="${size}"${turned}>${escapeXml(words)}</text>`,
    );
  }

  line(cls: string, from: At, to: At): void {
    this.#parts.push(
      `<line class="${cls}" x1="${round(from[0])}" y1="${round(from[1])}" x2="${round(to[0])}" y2="${round(to[1])}"/>`,
    );
  }

  rect(cls: string, [x, y]: At, width: number, height: number, opacity = 1): void {
    const faint = opacity === 1 ? '' : ` fill-opacity="${Math.round(opacity * 1000) / 1000}"`;
    this.#parts.push(
      `<rect class="${cls}" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"${faint}/>`,
    );
  }

  circle(cls: string, [x, y]: At, radius: number): void {
    this.#parts.push(`<circle class="${cls}" cx="${round(x)}" cy="${round(y)}" r="${radius}"/>`);
  }

  polygon(cls: string, points: readonly At[]): void {
    this.#parts.push(
      `<polygon class="${cls}" points="${points.map(([x, y]) => `${round(x)},${round(y)}`).join(' ')}"/>`,
    );
  }

  /** A polyline with a break at each point that has a NaN or infinite coordinate. */
  path(cls: string, points: readonly At[], { width = 2, dash = '' } = {}): void {
    let d = '';
    let down = false;
    for (const [x, y] of points) {
      const fits = Number.isFinite(x) && Number.isFinite(y);
      if (fits) d += `${down ? 'L' : 'M'}${round(x)} ${round(y)}`;
      down = fits;
    }
    this.#parts.push(
      `<path class="${cls}" stroke-width="${width}"${dash ? ` stroke-dasharray="${dash}"` : ''} d="${d}"/>`,
    );
  }

  /** @param uri a data URI generated by this program */
  image([x, y]: At, width: number, height: number, uri: string, label = ''): void {
    const title = label ? `<title>${escapeXml(label)}</title>` : '';
    this.#parts.push(
      `<image class="px" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" preserveAspectRatio="none" href="${escapeXml(uri)}">${title}</image>`,
    );
  }

  toString(): string {
    const { width, height } = this;
    return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeXml(this.label)}"><style>${STYLE}</style>${this.#parts.join('')}</svg>\n`;
  }
}

/** Four to eight round numbers from `bottom` to `top`. */
export function ticks(top: number, bottom = 0): number[] {
  const rough = (top - bottom) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const size = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough / 1.5)!;
  const first = Math.ceil(bottom / size - 1e-9);
  return Array.from({ length: Math.floor(top / size + 1e-9) - first + 1 }, (_, i) =>
    Number(((first + i) * size).toPrecision(12)),
  );
}
