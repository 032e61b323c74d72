import type { Language } from '../../display/languages.js';

/* Formatting of numbers and times in the page's language. */

const LOCALE: Record<Language, string> = { en: 'en', zh: 'zh-CN' };
const formatters = new Map<string, Intl.NumberFormat>();

function formatter(language: Language, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = language + JSON.stringify(options);
  let found = formatters.get(key);
  if (!found) {
    found = new Intl.NumberFormat(LOCALE[language], options);
    formatters.set(key, found);
  }
  return found;
}

export const integer = (value: number, language: Language): string =>
  formatter(language, { maximumFractionDigits: 0 }).format(value);

/** `62.4M`, `1.1B`; in Chinese `6,238万`. */
export const compact = (value: number, language: Language): string =>
  formatter(language, { notation: 'compact', maximumSignificantDigits: 3 }).format(value);

/** Significant digits, in exponent form if the decimal form would be long. */
export function significant(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '−∞';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) {
    const [mantissa, exponent] = value.toExponential(Math.max(0, digits - 2)).split('e');
    return `${Number(mantissa)}e${Number(exponent)}`.replaceAll('-', '−');
  }
  return String(Number(value.toPrecision(digits))).replace('-', '−');
}

/** A percentage given in percent: `44.5 %`. */
export const percent = (value: number, digits = 1): string => `${value.toFixed(digits)}%`;

/** A share between 0 and 1 as a percentage; small shares keep one digit after the point. */
export function share(value: number): string {
  const inPercent = value * 100;
  if (inPercent > 0 && inPercent < 0.1) return '<0.1%';
  return `${inPercent.toFixed(inPercent >= 10 ? 0 : 1)}%`;
}

/** A time span in its two largest units: `1 h 04 min`, `25 s`. */
export function duration(seconds: number, language: Language): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '–';
  const [d, h, min, s] = language === 'zh' ? [' 天', ' 小时', ' 分', ' 秒'] : [' d', ' h', ' min', ' s'];
  const two = (value: number) => String(value).padStart(2, '0');
  if (seconds < 1) return `${Math.round(seconds * 1000)}${language === 'zh' ? ' 毫秒' : ' ms'}`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}${s}`;
  if (whole < 3600) return `${Math.floor(whole / 60)}${min} ${two(whole % 60)}${s}`;
  const minutes = Math.round(whole / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}${h} ${two(minutes % 60)}${min}`;
  const hours = Math.round(whole / 3600);
  return `${Math.floor(hours / 24)}${d} ${hours % 24}${h}`;
}

const STEPS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
];

/** Seconds that a time may lie in the future and still count as now, because clocks of server and page differ. */
const AHEAD = 120;

/** `5 minutes ago`; a date if it is older than a week or in the future. */
export function ago(iso: string, now: number, language: Language): string {
  const then = Date.parse(iso);
  if (Number.isNaN(then)) return '–';
  const ahead = Math.round((then - now) / 1000);
  const seconds = ahead > 0 && ahead <= AHEAD ? 0 : ahead;
  if (seconds < -7 * 86_400 || seconds > 0)
    return new Intl.DateTimeFormat(LOCALE[language], { dateStyle: 'medium' }).format(then);
  const [unit, size] = STEPS.find(([, each]) => Math.abs(seconds) >= each) ?? ['second', 1];
  const relative = new Intl.RelativeTimeFormat(LOCALE[language], { numeric: 'auto', style: 'short' });
  return relative.format(Math.trunc(seconds / size), unit);
}

/** Date and time to the minute. */
export function moment(iso: string, language: Language): string {
  const then = Date.parse(iso);
  if (Number.isNaN(then)) return '–';
  return new Intl.DateTimeFormat(LOCALE[language], { dateStyle: 'medium', timeStyle: 'short' }).format(then);
}

export const shape = (dims: readonly number[]): string => dims.join(' × ');
