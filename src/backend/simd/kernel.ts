import type { Formula } from '../../ops/formula.js';
import { Code } from '../../webassembly/encoder.js';
import { V } from '../../webassembly/instructions.js';
import type { Dimension } from '../plan/broadcast.js';
import { loadBfloat16, saveBfloat16 } from './bfloat16.js';
import { moduleOf } from './kernel-module.js';
import { render } from './render.js';

/** What a kernel computes: the formula for each element, and the dimensions, innermost last. */
export interface KernelShape {
  readonly formula: Formula;
  readonly inputs: number;
  readonly dimensions: readonly Dimension[];
  /** Operands of bfloat16: inputs that differ from element to element, or the output, whose index is `inputs`. */
  readonly halves?: readonly number[];
}

/** Elements of a vector; the last ones use the same instructions, one element at a time. */
type Width = 4 | 1;

/** Whether the code of a formula has parts that hardly ever run. */
function hasRareParts(formula: Formula, inputs: number): boolean {
  const trial = new Code(inputs);
  render(
    trial,
    formula,
    Array.from({ length: inputs }, () => trial.vector()),
  );
  return trial.hasRareParts;
}

/**
 * A WebAssembly module whose `run(a, b, …, y, from, to)` takes the addresses of the inputs and the output, and computes
 * the range [from, to) of the outermost dimension. Results do not depend on how that dimension is split.
 */
export function encodeKernel(
  { formula, inputs, dimensions, halves = [] }: KernelShape,
  pages: number,
): Uint8Array<ArrayBuffer> {
  const code = new Code(inputs + 3);
  const isLong = hasRareParts(formula, inputs);
  const [output, from, to] = [inputs, inputs + 1, inputs + 2];
  const isHalf = (operand: number): boolean => halves.includes(operand);
  const bytesOf = (operand: number): number => (isHalf(operand) ? 2 : 4);
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
              .i32(bytesOf(k) * steps[k]!)
              .add()
              .set(address);
        });
        code
          .get(y)
          .i32(bytesOf(output) * elementsBelow(at))
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
    const streams = addresses.flatMap((address, k) => (steps[k] === 0 ? [] : [{ k, address }]));
    const values = addresses.map((_, k) => repeated.get(k) ?? code.vector());
    const advanceBy = (address: number, bytes: number): void => {
      code.get(address).i32(bytes).add().set(address);
    };
    /** Loads a vector of each input, or one element. @param group how many vectors of this turn precede it */
    const load = (width: Width, group = 0): void => {
      for (const { k, address } of streams) {
        const offset = 4 * bytesOf(k) * group;
        code.get(address);
        if (isHalf(k)) loadBfloat16(code, width, offset);
        else code.memory(width === 4 ? V.load : V.load32Splat, offset);
        code.set(values[k]!);
      }
    };
    const store = (result: number, width: Width, group = 0): void => {
      code.get(y).get(result);
      if (width === 4) code.memory(V.store, 16 * group);
      else code.memory(V.store32Lane, 0, 0);
    };
    const advanceAll = (count: number): void => {
      for (const { k, address } of streams) advanceBy(address, bytesOf(k) * count);
      advanceBy(y, bytesOf(output) * count);
      code.get(i).i32(count).add().set(i);
    };
    const last = code.integer();
    const vectors = halves.length > 0 ? 2 : 1;
    code
      .get(end)
      .i32(4 * vectors - 1)
      .sub()
      .set(last);
    if (isLong && halves.length === 0) {
      // Only code that stands once, in a loop that ends with its condition, keeps its constants in V8's registers.
      const whole = code.integer();
      const each = (emit: (width: Width) => void): void =>
        code.get(whole).if(
          () => emit(4),
          () => emit(1),
        );
      const body = (): void => {
        code.get(i).get(last).less().set(whole);
        each(load);
        const result = render(code, formula, values);
        each((width) => {
          store(result, width);
          advanceAll(width);
        });
      };
      const goesOn = (): void => void code.get(i).get(end).less();
      goesOn();
      code.if(() => code.repeat(body, goesOn));
      return;
    }
    for (const width of [4, 1] as const)
      code.while(
        () =>
          code
            .get(i)
            .get(width === 4 ? last : end)
            .less(),
        () => {
          const groups = width === 4 ? vectors : 1;
          const results = Array.from({ length: groups }, (_, group) => {
            load(width, group);
            const result = code.vector();
            // A formula that is an input has no variable of its own.
            code.get(render(code, formula, values)).set(result);
            return result;
          });
          if (isHalf(output)) saveBfloat16(code, y, results);
          else results.forEach((result, group) => void store(result, width, group));
          advanceAll(groups * width);
        },
      );
  };

  const addresses = Array.from({ length: inputs }, (_, k) => k);
  const [outermost] = dimensions;
  addresses.forEach((address, k) => {
    if (outermost!.steps[k] !== 0) advance(address, from, bytesOf(k) * outermost!.steps[k]!);
  });
  advance(output, from, bytesOf(output) * elementsBelow(0));
  level(0, addresses, output, from, to);
  return moduleOf(code, pages);
}
