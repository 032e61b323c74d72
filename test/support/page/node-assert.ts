/* The part of `node:assert/strict` that the conformance suite uses, for a page. */

class AssertionError extends Error {}

function assert(value: unknown, message?: string): asserts value {
  if (!value) throw new AssertionError(message ?? `${String(value)} is not true`);
}

const text = (value: unknown): string => {
  const shown = ArrayBuffer.isView(value) ? [...(value as Float32Array)] : value;
  return typeof shown === 'object' ? JSON.stringify(shown)?.slice(0, 300) : String(shown);
};

function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  const [one, other] = [a, b].map((value) =>
    value instanceof Map || value instanceof Set ? [...value] : Object.entries(value),
  ) as [unknown[], unknown[]];
  return (
    one.length === other.length &&
    one.every((part, i) =>
      Array.isArray(part) ? part.every((x, k) => same(x, (other[i] as unknown[])[k])) : same(part, other[i]),
    )
  );
}

type ErrorClass = new (...args: never[]) => Error;
type Expected =
  | RegExp
  | ErrorClass
  | ((error: Error) => boolean)
  | Readonly<Record<string, unknown>>
  | undefined;

const isErrorClass = (expected: object): expected is ErrorClass =>
  (expected as ErrorClass).prototype instanceof Error;

function fits(error: Error, expected: Expected): void {
  if (expected instanceof RegExp) assert.match(String(error), expected);
  else if (expected && isErrorClass(expected)) assert(error instanceof expected, `${error.stack}`);
  else if (typeof expected === 'function') assert(expected(error), `unexpected error: ${error.stack}`);
  else
    for (const [key, value] of Object.entries(expected ?? {})) {
      const own = error[key as keyof Error];
      if (value instanceof RegExp) assert.match(String(own), value);
      else assert.deepEqual(own, value);
    }
}

assert.ok = assert;
assert.equal = (a: unknown, b: unknown, message?: string): void =>
  assert(Object.is(a, b), `${message ?? ''} ${text(a)} instead of ${text(b)}`);
assert.deepEqual = (a: unknown, b: unknown, message?: string): void =>
  assert(same(a, b), `${message ?? ''} ${text(a)} instead of ${text(b)}`);
assert.notDeepEqual = (a: unknown, b: unknown, message?: string): void =>
  assert(!same(a, b), `${message ?? ''} ${text(a)} twice`);
assert.match = (value: string, pattern: RegExp, message?: string): void =>
  assert(pattern.test(value), `${message ?? ''} ${value} does not match ${pattern}`);
assert.fail = (message?: string): never => {
  throw new AssertionError(message ?? 'failed');
};
assert.throws = (body: () => unknown, expected?: Expected): void => {
  try {
    body();
  } catch (error) {
    fits(error as Error, expected);
    return;
  }
  assert.fail('nothing was thrown');
};
assert.rejects = async (promise: Promise<unknown> | (() => Promise<unknown>), expected?: Expected) => {
  try {
    await (typeof promise === 'function' ? promise() : promise);
  } catch (error) {
    fits(error as Error, expected);
    return;
  }
  assert.fail('nothing was rejected');
};

export default assert;
