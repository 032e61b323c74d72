import type { Formula } from '../../ops/formula.js';
import { Code } from '../../webassembly/encoder.js';
import { V } from '../../webassembly/instructions.js';
import type { Dimension } from '../plan/broadcast.js';
import { moduleOf } from './kernel-module.js';
import { render } from './render.js';

/** What a kernel computes: the formula for each element, and the dimensions, innermost last. */
export interface KernelShape {
  readonly formula: Formula;
  readonly inputs: number;
  readonly dimensions: readonly Dimension[];
}

/**
 * A WebAssembly module whose `run(a, b, …, y, from, to)` takes the addresses of the inputs and the output, and computes
 * the range [from, to) of the outermost dimension. Results do not depend on how that dimension is split.
 */
export function encodeKernel(
  { formula, inputs, dimensions }: KernelShape,
  pages: number,
): Uint8Array<ArrayBuffer> {
  const code = new Code(inputs + 3);
  const [output, from, to] = [inputs, inputs + 1, inputs + 2];
  const elementsBelow = (level: number): number =>
    dimensions.slice(level + 1).reduce((n, { size }) => n * size, 1);

  /** Adds `count · bytes` to an address. */
  const advance = (address: number, count: number, bytes: number): void => {
    code.get(address).get(count).i32(bytes).mul().add().set(address);
  };
  const copy = (address: number): number => {
    const local = code.integer();
    code.get(address).set(local);
    return local;
  };

  /** Loops over one dimension, advancing the addresses in place. */
  const level = (at: number, addresses: readonly number[], y: number, i: number, end: number): void => {
    const { steps } = dimensions[at]!;
    if (at === dimensions.length - 1) {
      innermost(steps, addresses, y, i, end);
      return;
    }
    const inner = dimensions[at + 1]!;
    code.while(
      () => code.get(i).get(end).less(),
      () => {
        const below = addresses.map(copy);
        const yBelow = copy(y);
        const [j, size] = [code.integer(), code.integer()];
        code.i32(0).set(j).i32(inner.size).set(size);
        level(at + 1, below, yBelow, j, size);
        addresses.forEach((address, k) => {
          if (steps[k] !== 0)
            code
              .get(address)
              .i32(4 * steps[k]!)
              .add()
              .set(address);
        });
        code
          .get(y)
          .i32(4 * elementsBelow(at))
          .add()
          .set(y);
        code.get(i).i32(1).add().set(i);
      },
    );
  };

  const innermost = (
    steps: readonly number[],
    addresses: readonly number[],
    y: number,
    i: number,
    end: number,
  ): void => {
    const repeated = new Map<number, number>();
    addresses.forEach((address, k) => {
      if (steps[k] !== 0) return;
      const local = code.vector();
      code.get(address).memory(V.load32Splat).set(local);
      repeated.set(k, local);
    });
    const body = (load: number, width: number): void => {
      const values = addresses.map((address, k) => {
        if (steps[k] === 0) return repeated.get(k)!;
        const local = code.vector();
        code.get(address).memory(load).set(local);
        return local;
      });
      const result = render(code, formula, values);
      code.get(y).get(result);
      if (width === 4) code.memory(V.store);
      else code.memory(V.store32Lane, 0, 0);
      addresses.forEach((address, k) => {
        if (steps[k] !== 0)
          code
            .get(address)
            .i32(4 * width)
            .add()
            .set(address);
      });
      code
        .get(y)
        .i32(4 * width)
        .add()
        .set(y);
      code.get(i).i32(width).add().set(i);
    };
    const last = code.integer();
    code.get(end).i32(3).sub().set(last);
    code.while(
      () => code.get(i).get(last).less(),
      () => body(V.load, 4),
    );
    // The last one to three elements use the same instructions, one element at a time.
    code.while(
      () => code.get(i).get(end).less(),
      () => body(V.load32Splat, 1),
    );
  };

  const addresses = Array.from({ length: inputs }, (_, k) => k);
  const [outermost] = dimensions;
  addresses.forEach((address, k) => {
    if (outermost!.steps[k] !== 0) advance(address, from, 4 * outermost!.steps[k]!);
  });
  advance(output, from, 4 * elementsBelow(0));
  level(0, addresses, output, from, to);
  return moduleOf(code, pages);
}
