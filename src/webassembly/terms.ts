import { Code } from './encoder.js';
import { I, V } from './instructions.js';

/*
 * Functions that compute addresses are written in terms. A term is code that leaves one integer on the stack. A plain
 * number is a constant; arithmetic on constants is done while the code is generated.
 */

/** Code that leaves an integer on the stack. */
export interface Term {
  readonly emit: (code: Code) => void;
}
/** An integer: an address in bytes, or a count. */
export type Int = number | Term;
/** A variable that contains an integer. */
export interface Variable extends Term {
  readonly local: number;
}

const push = (code: Code, value: Int): Code => {
  if (typeof value === 'number') code.i32(value);
  else value.emit(code);
  return code;
};
const binary =
  (instruction: number, fold: (a: number, b: number) => number) =>
  (a: Int, b: Int): Int =>
    typeof a === 'number' && typeof b === 'number'
      ? fold(a, b)
      : { emit: (code) => push(push(code, a), b).i(instruction) };

export const add = (...values: readonly Int[]): Int =>
  values.reduce((a, b) => (a === 0 ? b : b === 0 ? a : addTwo(a, b)));
const addTwo = binary(I.add, (a, b) => a + b);
export const sub = binary(I.sub, (a, b) => a - b);
const mulTwo = binary(I.mul, Math.imul);
export const mul = (a: Int, b: Int): Int =>
  a === 0 || b === 0 ? 0 : a === 1 ? b : b === 1 ? a : mulTwo(a, b);
/** Quotient and remainder of integers that are not negative. */
export const div = binary(I.div, (a, b) => Math.floor(a / b));
export const rem = binary(I.rem, (a, b) => a % b);
/** Comparisons of signed integers; 1 or 0. */
export const less = binary(I.less, (a, b) => Number(a < b));
export const equal = binary(I.equal, (a, b) => Number(a === b));
export const notEqual = binary(I.notEqual, (a, b) => Number(a !== b));
export const both = binary(I.and, (a, b) => a & b);
/** The lesser and the greater of two signed integers, whose terms are evaluated twice. */
export const min = (a: Int, b: Int): Int => ({
  emit: (code) =>
    push(push(push(push(code, a), b), a), b)
      .less()
      .select(),
});
export const max = (a: Int, b: Int): Int => ({
  emit: (code) =>
    push(push(push(push(code, b), a), a), b)
      .less()
      .select(),
});
/** The integer in memory at an address. */
export const at = (address: Int, offset = 0): Term => ({
  emit: (code) => push(code, address).loadInteger(offset),
});

/** A function of a module: its code, and statements on integers. */
export class Routine {
  readonly code: Code;
  readonly parameters: readonly Variable[];

  constructor(
    readonly index: number,
    parameters: number,
  ) {
    this.code = new Code(parameters);
    this.parameters = Array.from({ length: parameters }, (_, k) => variable(k));
  }

  /** A new variable. */
  let(value: Int): Variable {
    const made = variable(this.code.integer());
    this.set(made, value);
    return made;
  }

  set({ local }: Variable, value: Int): void {
    push(this.code, value).set(local);
  }

  /** Adds to a variable. */
  step(which: Variable, by: Int): void {
    if (by !== 0) this.set(which, add(which, by));
  }

  /** Leaves an integer on the stack. */
  push(value: Int): Code {
    return push(this.code, value);
  }

  /** Runs `body` for i = from, from + step, … while i < end. */
  for(from: Int, end: Int, step: Int, body: (i: Variable) => void): void {
    const i = this.let(from);
    this.while(less(i, end), () => {
      body(i);
      this.step(i, step);
    });
  }

  while(condition: Int, body: () => void): void {
    this.code.while(() => this.push(condition), body);
  }

  /** Runs `body` once, and again while the condition is not 0. */
  repeat(body: () => void, condition: Int): void {
    this.code.repeat(body, () => this.push(condition));
  }

  /** If and else. A condition that is a plain number is decided while the code is generated and emits no code. */
  if(condition: Int, then: () => void, otherwise?: () => void): void {
    if (typeof condition === 'number') {
      if (condition !== 0) then();
      else otherwise?.();
      return;
    }
    this.push(condition).if(then, otherwise);
  }

  call(routine: Routine, ...values: readonly Int[]): void {
    for (const value of values) this.push(value);
    this.code.call(routine.index);
  }

  /** Stores an integer in memory. */
  store(address: Int, value: Int, offset = 0): void {
    this.push(address);
    this.push(value).storeInteger(offset);
  }

  /** A new variable with the vector at an address. */
  load(address: Int, offset = 0, instruction: number = V.load): number {
    const local = this.code.vector();
    this.push(address).memory(instruction, offset).set(local);
    return local;
  }

  /** Stores a vector variable. */
  save(address: Int, vector: number, offset = 0): void {
    this.push(address).get(vector).memory(V.store, offset);
  }

  /** Stores one lane of a vector variable. */
  saveLane(address: Int, vector: number, lane = 0, offset = 0): void {
    this.push(address).get(vector).memory(V.store32Lane, offset, lane);
  }

  /** Copies 32 bits from one address to another. */
  copy(to: Int, from: Int): void {
    this.store(to, at(from));
  }
}

const variable = (local: number): Variable => ({ local, emit: (code) => code.get(local) });

/** The bits of a float32, as an integer argument; −0 becomes 0. */
export const bitsOf = (value: number): number => new Int32Array(Float32Array.of(value + 0).buffer)[0]!;
