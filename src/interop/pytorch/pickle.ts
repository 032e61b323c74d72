/** A function that a pickle may call. */
export interface Callable {
  /** Name for error messages: `collections.OrderedDict`. */
  readonly name: string;
  call(args: readonly unknown[]): unknown;
}

/** The environment of a pickle: everything that it can refer to. */
export interface AllowList {
  /** Resolves a global name to a class or function. @throws for any that is not on an allow-list */
  global(module: string, name: string): unknown;
  /** Resolves a persistent id, a reference to a storage in the file. @throws for anything else */
  persistent(id: unknown): unknown;
  /** Accept byte strings of Python 2 that are not UTF-8, as bytes; otherwise they are an error. */
  readonly byteStrings?: boolean;
  /** Sets the state of an object (BUILD). Default: only an OrderedDict may have state, which is ignored. */
  build?(object: unknown, state: unknown): void;
}

/** Python's OrderedDict; its attributes are ignored. Plain dictionaries are Maps. */
export class OrderedDict extends Map<unknown, unknown> {}

/** The reason why a pickle is rejected; the caller adds the file name. */
export class PickleError extends Error {
  constructor(
    message: string,
    /** True if the bytes ended early; if they are only part of a file, reading more may help. */
    readonly ended = false,
  ) {
    super(message);
  }
}

/** Limits far above any file of weights; they keep time and memory proportional to the pickle's size. */
const LIMITS = { stack: 1_000_000, memo: 4_000_000, depth: 1_000 };

const MARK = Symbol('mark');

/**
 * Reads one pickle of protocol 2 to 5 with a small stack machine for the opcodes that `torch.save` writes. A pickle
 * cannot run code, because names resolve only to what `allowed` returns.
 *
 * @param at offset of its first byte
 * @returns the value and the offset behind the pickle
 * @throws PickleError
 */
export function unpickle(bytes: Uint8Array, allowed: AllowList, at = 0): { value: unknown; end: number } {
  const machine = new Machine(bytes, allowed, at);
  const value = machine.run();
  return { value, end: machine.at };
}

class Machine {
  readonly #stack: unknown[] = [];
  readonly #memo = new Map<number, unknown>();
  readonly #view: DataView;
  #marks = 0;

  constructor(
    readonly bytes: Uint8Array,
    readonly allowed: AllowList,
    public at: number,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): unknown {
    if (this.#take(1)[0] !== 0x80) throw new PickleError('it does not begin with a protocol');
    const protocol = this.#byte();
    if (protocol < 2 || protocol > 5) throw new PickleError(`its protocol is ${protocol}, not 2 to 5`);
    for (;;) {
      const code = this.#byte();
      // STOP
      if (code === 0x2e) return this.#pop();
      const run = OPCODES[code];
      if (!run) throw new PickleError(`it has opcode 0x${code.toString(16)}, which is not supported`);
      run(this);
      if (this.#stack.length > LIMITS.stack) throw new PickleError('its stack is too deep');
    }
  }

  #take(count: number): Uint8Array {
    if (count > this.bytes.length - this.at) throw new PickleError('it ends too early', true);
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  #byte(): number {
    return this.#take(1)[0]!;
  }

  /** Reads an unsigned integer of 1, 2, 4 or 8 bytes. */
  number(width: 1 | 2 | 4 | 8): number {
    const at = this.at;
    this.#take(width);
    if (width === 1) return this.#view.getUint8(at);
    if (width === 2) return this.#view.getUint16(at, true);
    if (width === 4) return this.#view.getUint32(at, true);
    // Beyond 2^53 the value is inexact, but as a length it exceeds any file anyway.
    return Number(this.#view.getBigUint64(at, true));
  }

  double(): number {
    this.#take(8);
    return this.#view.getFloat64(this.at - 8);
  }

  /** Reads a little-endian signed integer of any length. */
  long(length: number): number | bigint {
    let value = 0n;
    const bytes = this.#take(length);
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
    if (length > 0 && bytes[length - 1]! >= 0x80) value -= 1n << BigInt(8 * length);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  raw(length: number): Uint8Array {
    return this.#take(length);
  }

  text(length: number): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.#take(length));
    } catch (error) {
      if (error instanceof PickleError) throw error;
      throw new PickleError('it has a string that is not UTF-8');
    }
  }

  byteString(length: number): string | Uint8Array {
    if (!this.allowed.byteStrings) return this.text(length);
    const at = this.at;
    try {
      return this.text(length);
    } catch (error) {
      if (error instanceof PickleError && error.ended) throw error;
      return this.bytes.subarray(at, this.at);
    }
  }

  /** Reads up to the next newline. */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) throw new PickleError('it ends too early', true);
    const text = this.text(end - this.at);
    this.at++;
    return text;
  }

  push(value: unknown): void {
    this.#stack.push(value);
  }

  mark(): void {
    if (++this.#marks > LIMITS.depth) throw new PickleError(`it is nested more than ${LIMITS.depth} deep`);
    this.#stack.push(MARK);
  }

  #pop(): unknown {
    if (this.#stack.length === 0) throw new PickleError('its stack is empty');
    const value = this.#stack.pop();
    if (value === MARK) throw new PickleError('it lacks a value');
    return value;
  }

  pop(): unknown {
    return this.#pop();
  }

  top(): unknown {
    const value = this.#stack.at(-1);
    if (value === undefined || value === MARK) throw new PickleError('its stack is empty');
    return value;
  }

  /** Pops the last `count` values, in order. */
  several(count: number): unknown[] {
    return Array.from({ length: count }, () => this.#pop()).reverse();
  }

  /** Pops all values after the last mark, and the mark. */
  marked(): unknown[] {
    const at = this.#stack.lastIndexOf(MARK);
    if (at < 0) throw new PickleError('it lacks a mark');
    this.#marks--;
    return this.#stack.splice(at).slice(1);
  }

  put(index: number): void {
    if (this.#memo.size > LIMITS.memo) throw new PickleError('it has too many memo entries');
    this.#memo.set(index, this.top());
  }

  memoize(): void {
    this.put(this.#memo.size);
  }

  get(index: number): void {
    if (!this.#memo.has(index)) throw new PickleError(`it reads memo entry ${index}, which it has not set`);
    this.push(this.#memo.get(index));
  }

  append(values: readonly unknown[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw new PickleError('it appends to something that is not a list');
    for (const value of values) list.push(value);
  }

  setItems(pairs: readonly unknown[]): void {
    const dictionary = this.top();
    if (!(dictionary instanceof Map) || pairs.length % 2 !== 0)
      throw new PickleError('it sets items of something that is not a dictionary');
    for (let i = 0; i < pairs.length; i += 2) dictionary.set(pairs[i], pairs[i + 1]);
  }

  global(module: unknown, name: unknown): void {
    if (typeof module !== 'string' || typeof name !== 'string')
      throw new PickleError('it has a name that is not a string');
    this.push(this.allowed.global(module, name));
  }

  reduce(): void {
    const [callable, args] = this.several(2);
    if (!isCallable(callable)) throw new PickleError('it calls something that is not a function');
    if (!Array.isArray(args)) throw new PickleError(`it calls ${callable.name} without a tuple`);
    this.push(callable.call(args));
  }

  /** Sets attributes of an object. Those of an OrderedDict, `_metadata`, are ignored; others are an error. */
  build(): void {
    const state = this.#pop();
    if (this.allowed.build) this.allowed.build(this.top(), state);
    else if (!(this.top() instanceof OrderedDict))
      throw new PickleError('it sets attributes of something that is not an OrderedDict');
  }

  persistent(): void {
    this.push(this.allowed.persistent(this.#pop()));
  }
}

function isCallable(value: unknown): value is Callable {
  return typeof value === 'object' && value !== null && 'call' in value && typeof value.call === 'function';
}

type Opcode = (machine: Machine) => void;

const OPCODES: readonly (Opcode | undefined)[] = (() => {
  const table: (Opcode | undefined)[] = Array.from({ length: 256 });
  const define = (code: number | string, run: Opcode) => {
    table[typeof code === 'number' ? code : code.charCodeAt(0)] = run;
  };
  define('(', (m) => m.mark());
  define('0', (m) => m.pop());
  define('1', (m) => m.marked());
  define('N', (m) => m.push(null));
  define(0x88, (m) => m.push(true));
  define(0x89, (m) => m.push(false));
  define('J', (m) => m.push(m.number(4) | 0));
  define('K', (m) => m.push(m.number(1)));
  define('M', (m) => m.push(m.number(2)));
  define(0x8a, (m) => m.push(m.long(m.number(1))));
  define('G', (m) => m.push(m.double()));
  // Strings. Python 2 writes names as byte strings, U and T.
  define('X', (m) => m.push(m.text(m.number(4))));
  define(0x8c, (m) => m.push(m.text(m.number(1))));
  define(0x8d, (m) => m.push(m.text(m.number(8))));
  define('U', (m) => m.push(m.byteString(m.number(1))));
  define('T', (m) => m.push(m.byteString(m.number(4))));
  // A bytearray.
  define(0x96, (m) => m.push(m.raw(m.number(8))));
  define('C', (m) => m.push(m.raw(m.number(1))));
  define('B', (m) => m.push(m.raw(m.number(4))));
  define(0x8e, (m) => m.push(m.raw(m.number(8))));
  define(']', (m) => m.push([]));
  define('a', (m) => m.append(m.several(1)));
  define('e', (m) => m.append(m.marked()));
  define(')', (m) => m.push([]));
  define('t', (m) => m.push(m.marked()));
  define(0x85, (m) => m.push(m.several(1)));
  define(0x86, (m) => m.push(m.several(2)));
  define(0x87, (m) => m.push(m.several(3)));
  define('}', (m) => m.push(new Map()));
  define('s', (m) => m.setItems(m.several(2)));
  define('u', (m) => m.setItems(m.marked()));
  define('q', (m) => m.put(m.number(1)));
  define('r', (m) => m.put(m.number(4)));
  define(0x94, (m) => m.memoize());
  define('h', (m) => m.get(m.number(1)));
  define('j', (m) => m.get(m.number(4)));
  define('c', (m) => m.global(m.line(), m.line()));
  define(0x93, (m) => m.global(...(m.several(2) as [unknown, unknown])));
  define('R', (m) => m.reduce());
  define('b', (m) => m.build());
  define('Q', (m) => m.persistent());
  // FRAME: a hint for streaming, ignored.
  define(0x95, (m) => m.number(8));
  return table;
})();
