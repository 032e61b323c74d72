import { checkNumber, shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import type { TypedArray } from '../../graph/types.js';
import { Generator } from '../../random.js';
import { Parameter } from '../../tensor/parameter.js';

let skipping = false;

/**
 * Creates modules without initialising them: parameters are zeros, and no random numbers are drawn. For models whose
 * weights are loaded afterwards.
 *
 * @example
 * const model = withoutInit(() => new MyNet());
 */
export function withoutInit<T>(make: () => T): T {
  const before = skipping;
  skipping = true;
  try {
    return make();
  } finally {
    skipping = before;
  }
}

/** @throws UsageError unless `parameter` is a Parameter and all numbers are finite */
export function check(
  name: string,
  parameter: unknown,
  numbers: Readonly<Record<string, unknown>> = {},
): void {
  if (!(parameter instanceof Parameter))
    throw new UsageError({
      what: `init.${name} fills a parameter`,
      expected: 'a Parameter, such as layer.weight',
      got: shown(parameter),
    });
  for (const [key, value] of Object.entries(numbers))
    checkNumber(`init.${name}`, key, value, { expected: 'a finite number' });
}

/** @throws UsageError unless it is a generator of random numbers */
export function checkGenerator(name: string, generator: unknown): asserts generator is Generator {
  if (generator instanceof Generator) return;
  throw new UsageError({
    what: `init.${name} got a bad generator`,
    expected: 'a Generator, such as new Generator(1)',
    got: shown(generator),
  });
}

/** Overwrites a parameter with what `make` writes into the array. */
export function write(parameter: Parameter, make: (data: TypedArray) => void): void {
  if (skipping) return;
  const data = parameter.blank();
  make(data);
  parameter.load(data);
}

/** Overwrites a parameter with numbers one after another. */
export function fill(parameter: Parameter, next: () => number): void {
  write(parameter, (data) => {
    for (let i = 0; i < data.length; i++) data[i] = next();
  });
}
