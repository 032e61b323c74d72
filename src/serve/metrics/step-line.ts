/**
 * Reads the lines that the trainer writes for its steps several times as fast as JSON.parse would: the fields come
 * in a known order, and numbers are read digit by digit. A line that looks different in any way is left to
 * JSON.parse.
 */
const KEYS = [
  '{"event":"step","epoch":',
  ',"step":',
  ',"loss":',
  ',"lr":',
  ',"imagesPerSecond":',
  ',"stepSeconds":',
  ',"dataSeconds":',
  ',"rssMiB":',
].map((text) => Uint8Array.from(Buffer.from(text, 'latin1')));

/** Numbers of a step's line, in their order there. */
export const FIELDS = [
  'epoch',
  'step',
  'loss',
  'lr',
  'imagesPerSecond',
  'stepSeconds',
  'dataSeconds',
  'rssMiB',
] as const;

const POWERS = Float64Array.from({ length: 23 }, (_, i) => 10 ** i);
const [ZERO, NINE, DOT, MINUS, PLUS, BRACE, NEWLINE] = [0x30, 0x39, 0x2e, 0x2d, 0x2b, 0x7d, 0x0a];
/** Digits that a double holds whatever they are. */
const DIGITS = 15;

/** Where the number that was read last ended; -1 when there was none. A module variable, as this is the hot loop. */
let end = -1;

/**
 * @param values gets the numbers, in the order of {@link FIELDS}
 * @returns the position after the line's newline; -1 when the line does not have the usual form
 */
export function readStepLine(bytes: Uint8Array, start: number, values: Float64Array): number {
  let p = start;
  for (let k = 0; k < KEYS.length; k++) {
    const key = KEYS[k]!;
    for (let i = 0; i < key.length; i++) if (bytes[p++] !== key[i]) return -1;
    values[k] = readNumber(bytes, p);
    if (end < 0) return -1;
    p = end;
  }
  return bytes[p] === BRACE && bytes[p + 1] === NEWLINE ? p + 2 : -1;
}

/** The JSON number at a position, right to 14 digits, which is twice what the columns keep; sets `end`. */
function readNumber(bytes: Uint8Array, start: number): number {
  end = -1;
  let p = start;
  const negative = bytes[p] === MINUS;
  if (negative) p++;
  let mantissa = 0;
  let digits = 0;
  let exponent = 0;
  const first = p;
  for (; bytes[p]! >= ZERO && bytes[p]! <= NINE; p++) {
    if (digits >= DIGITS) exponent++;
    else if ((mantissa = 10 * mantissa + bytes[p]! - ZERO) > 0) digits++;
  }
  // JSON has no empty whole part, and no 007.
  if (p === first || (bytes[first] === ZERO && p > first + 1)) return 0;
  if (bytes[p] === DOT) {
    const fraction = ++p;
    for (; bytes[p]! >= ZERO && bytes[p]! <= NINE; p++) {
      if (digits >= DIGITS) continue;
      if ((mantissa = 10 * mantissa + bytes[p]! - ZERO) > 0) digits++;
      exponent--;
    }
    if (p === fraction) return 0;
  }
  if (bytes[p] === 0x65 || bytes[p] === 0x45) {
    const sign = bytes[++p] === MINUS ? -1 : 1;
    if (bytes[p] === MINUS || bytes[p] === PLUS) p++;
    const from = p;
    let written = 0;
    for (; bytes[p]! >= ZERO && bytes[p]! <= NINE; p++) written = 10 * written + bytes[p]! - ZERO;
    if (p === from || written > 400) return 0;
    exponent += sign * written;
  }
  // A number that may be too large or too small for a double is JSON.parse's business.
  if (exponent > 290 || exponent < -307) return 0;
  end = p;
  const size = exponent < 0 ? -exponent : exponent;
  const power = size <= 22 ? POWERS[size]! : 10 ** size;
  const value = exponent < 0 ? mantissa / power : mantissa * power;
  return negative ? -value : value;
}
