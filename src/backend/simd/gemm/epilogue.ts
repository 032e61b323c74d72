import type { Formula } from '../../../ops/formula.js';
import { V } from '../../../webassembly/instructions.js';
import { add, less, mul, type Routine, sub } from '../../../webassembly/terms.js';
import type { KernelModule } from '../kernel-module.js';
import { render } from '../render.js';

/** Bias and activation, applied once all products are summed. */
export interface Epilogue {
  /** Adds one number for each row, or one for each column. */
  readonly bias?: 'row' | 'column';
  /** A formula of one input, applied after the bias. */
  readonly activation?: Formula;
}

export const isEmpty = ({ bias, activation }: Epilogue): boolean => !bias && !activation;

/** `(c, stepC, rows, columns, bias)`: applies an epilogue; `bias` is the address of the first row's or column's number. */
export function finish(module: KernelModule, { bias, activation }: Epilogue): Routine {
  return module.define(5, (routine, c, stepC, rows, columns, from) => {
    const { code } = routine;
    const rowBias = code.vector();
    routine.for(0, rows, 1, () => {
      if (bias === 'row') {
        code.get(from.local).memory(V.load32Splat).set(rowBias);
        routine.step(from, 4);
      }
      const place = routine.let(c);
      const j = routine.let(0);
      const body = (load: number, width: number): void => {
        let value = routine.load(place, 0, load);
        if (bias) {
          if (bias === 'row') code.get(rowBias);
          else code.get(routine.load(add(from, mul(j, 4)), 0, load));
          code.get(value).v(V.f32Add).set(value);
        }
        if (activation) value = render(code, activation, [value]);
        if (width === 4) routine.save(place, value);
        else routine.saveLane(place, value);
        routine.step(place, 4 * width);
        routine.step(j, width);
      };
      routine.while(less(3, sub(columns, j)), () => body(V.load, 4));
      routine.while(less(j, columns), () => body(V.load32Splat, 1));
      routine.step(c, stepC);
    });
  });
}
