import { UsageError } from './errors/errors.js';

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;
const TWO32 = 2 ** 32;
// Stream numbers are below 2^53, so their high word never has this bit: forks never share counters with streams.
const FORK_TAG = 0x80000000;

/** The high 32 bits of the product of two 32-bit unsigned integers (as a signed 32-bit number). */
function mulhi(a: number, b: number): number {
  // Products of 16-bit halves, because JavaScript has no 32×32→64 multiply outside BigInt.
  const al = a & 0xffff;
  const ah = a >>> 16;
  const bl = b & 0xffff;
  const bh = b >>> 16;
  const low = Math.imul(al, bl) >>> 16;
  const mid = (Math.imul(ah, bl) + low) >>> 0;
  const mid2 = (Math.imul(al, bh) + (mid & 0xffff)) >>> 0;
  return (Math.imul(ah, bh) + (mid >>> 16) + (mid2 >>> 16)) | 0;
}

/**
 * Philox4x32-10, the counter-based generator of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"
 * (SC 2011), section 3.3. Equal counters and keys give equal numbers on every machine, in any order.
 *
 * @param counter four 32-bit words
 * @param key two 32-bit words
 * @param out receives four 32-bit words at 0..3 (nothing is allocated)
 */
export function philox4x32(counter: ArrayLike<number>, key: ArrayLike<number>, out: Uint32Array): void {
  let c0 = counter[0]! | 0;
  let c1 = counter[1]! | 0;
  let c2 = counter[2]! | 0;
  let c3 = counter[3]! | 0;
  let k0 = key[0]! | 0;
  let k1 = key[1]! | 0;
  for (let round = 0; round < 10; round++) {
    const high0 = mulhi(M0, c0);
    const high1 = mulhi(M1, c2);
    const low0 = Math.imul(M0, c0);
    const low1 = Math.imul(M1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + W0) | 0;
    k1 = (k1 + W1) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** The complete state of a {@link Generator}, as JSON data. */
export interface GeneratorState {
  key: [number, number];
  stream: number;
  /** Number of 32-bit words drawn so far. */
  position: number;
  /** The unused second number of a Box-Muller pair (mean 0, std 1). */
  spare: number | null;
}

function checkInteger(what: string, value: number, low: number, high: number): void {
  if (Number.isInteger(value) && value >= low && value <= high) return;
  throw new UsageError({
    what: `${what} is out of range`,
    expected: `an integer from ${low} to ${high}`,
    got: String(value),
  });
}

function checkFinite(what: string, first: number, second: number): void {
  if (Number.isFinite(first) && Number.isFinite(second)) return;
  throw new UsageError({
    what: `${what} got a bad number`,
    expected: 'finite numbers',
    got: `${String(first)} and ${String(second)}`,
  });
}

/**
 * A stream of random numbers on top of {@link philox4x32}: a pure function of seed, stream and position.
 *
 * @example
 * const generator = new Generator(42);
 * generator.normal(0, 0.01);
 * const copy = Generator.fromState(generator.state()); // continues with the same numbers
 */
export class Generator {
  #key = new Uint32Array(2);
  #counter = new Uint32Array(4);
  #words = new Uint32Array(4);
  #stream = 0;
  #block = 0;
  #used = 4;
  #spare: number | null = null;

  /**
   * @param seed any safe integer
   * @param stream a safe integer from 0: streams of one seed are independent
   * @throws UsageError if either is out of range
   */
  constructor(seed: number, stream = 0) {
    checkInteger('the seed', seed, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    checkInteger('the stream', stream, 0, Number.MAX_SAFE_INTEGER);
    this.#key[0] = seed % TWO32;
    this.#key[1] = Math.floor(seed / TWO32);
    this.#setStream(stream);
  }

  #setStream(stream: number): void {
    this.#stream = stream;
    this.#counter[2] = stream % TWO32;
    this.#counter[3] = Math.floor(stream / TWO32);
  }

  /** The next word, 0 to 2^32 - 1. */
  nextUint32(): number {
    if (this.#used === 4) {
      this.#counter[0] = this.#block % TWO32;
      this.#counter[1] = Math.floor(this.#block / TWO32);
      philox4x32(this.#counter, this.#key, this.#words);
      this.#block++;
      this.#used = 0;
    }
    return this.#words[this.#used++]!;
  }

  /** Uniform in [low, high), in steps of 2^-24 of the range (float32 can hold every step of [0, 1)). */
  uniform(low = 0, high = 1): number {
    checkFinite('uniform(low, high)', low, high);
    return low + (high - low) * ((this.nextUint32() >>> 8) / 2 ** 24);
  }

  /** Normal with the given mean and standard deviation (Box-Muller, two numbers from two words). */
  normal(mean = 0, std = 1): number {
    checkFinite('normal(mean, std)', mean, std);
    let value = this.#spare;
    this.#spare = null;
    if (value === null) {
      // Offset by half a step, since the logarithm of 0 is infinite.
      const radius = Math.sqrt(-2 * Math.log((this.nextUint32() + 0.5) / TWO32));
      const angle = 2 * Math.PI * (this.nextUint32() / TWO32);
      value = radius * Math.cos(angle);
      this.#spare = radius * Math.sin(angle);
    }
    return mean + std * value;
  }

  /**
   * An integer from 0 to n - 1, uniformly distributed (Lemire's method: no modulo bias).
   *
   * @throws UsageError unless n is an integer from 1 to 2^32
   */
  integer(n: number): number {
    checkInteger('integer(n)', n, 1, TWO32);
    if (n === TWO32) return this.nextUint32();
    const threshold = (TWO32 - n) % n;
    for (;;) {
      const word = this.nextUint32();
      if (Math.imul(word, n) >>> 0 >= threshold) return mulhi(word, n) >>> 0;
    }
  }

  /** A random permutation of 0 to n - 1 (Fisher-Yates). Throws UsageError unless n is an integer in [0, 2^31 - 1]. */
  permutation(n: number): Int32Array {
    checkInteger('permutation(n)', n, 0, 2 ** 31 - 1);
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const held = order[i]!;
      order[i] = order[j]!;
      order[j] = held;
    }
    return order;
  }

  /**
   * An independent generator, for one part of a task. It depends on this generator's seed and stream and on the
   * argument, but not on the numbers drawn so far, so parts may run in any order.
   */
  fork(stream: number): Generator {
    checkInteger('fork(stream)', stream, 0, Number.MAX_SAFE_INTEGER);
    const out = new Uint32Array(4);
    const high = (this.#counter[3]! | FORK_TAG) >>> 0;
    philox4x32([stream % TWO32, Math.floor(stream / TWO32), this.#counter[2]!, high], this.#key, out);
    return Generator.fromState({ key: [out[0]!, out[1]!], stream: 0, position: 0, spare: null });
  }

  /** A copy of the state. */
  state(): GeneratorState {
    return {
      key: [this.#key[0]!, this.#key[1]!],
      stream: this.#stream,
      position: this.#block * 4 - (4 - this.#used),
      spare: this.#spare,
    };
  }

  /** A generator that continues from a saved state. Throws UsageError if the state is not valid. */
  static fromState(state: GeneratorState): Generator {
    const { key, stream, position, spare } = state;
    if (!Array.isArray(key) || key.length !== 2 || (spare !== null && !Number.isFinite(spare))) {
      throw new UsageError({ what: 'the generator state is not valid', got: JSON.stringify(state) });
    }
    for (const word of key) checkInteger('a word of the key', word, 0, TWO32 - 1);
    checkInteger('the position', position, 0, Number.MAX_SAFE_INTEGER);
    const generator = new Generator(0, stream);
    generator.#key.set(key);
    generator.#block = Math.floor(position / 4);
    const used = position % 4;
    if (used > 0) {
      generator.#used = 4;
      for (let i = 0; i < used; i++) generator.nextUint32();
    }
    generator.#spare = spare;
    return generator;
  }
}
