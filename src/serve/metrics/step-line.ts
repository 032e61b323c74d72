/**
 * Parses the lines that the trainer writes for its steps, several times faster than JSON.parse: fields come in a known
 * order, and numbers are parsed digit by digit. Any other line is left to JSON.parse.
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

/** Numbers in a step's line, in order. */
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
/** Decimal digits that a double always represents exactly. */
const DIGITS = 15;

/** End of the last parsed number; -1 if there was none. A module variable because this is the hot loop. */
let end = -1;

/**
 * @param values receives the numbers in the order of {@link FIELDS}
 * @returns the position after the line's newline; -1 if the line does not have the usual form
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

/** Parses a JSON number, exact to 14 digits, twice the precision of the columns; sets `end`. */
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
  // JSON requires an integer part without leading zeros.
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
  // Numbers near the limits of a double are left to JSON.parse.
  if (exponent > 290 || exponent < -307) return 0;
  end = p;
  const size = exponent < 0 ? -exponent : exponent;
  const power = size <= 22 ? POWERS[size]! : 10 ** size;
  const value = exponent < 0 ? mantissa / power : mantissa * power;
  return negative ? -value : value;
}
