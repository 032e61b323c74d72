import { less, type Routine } from '../../../webassembly/terms.js';
import type { KernelModule } from '../kernel-module.js';

/** `(to, from, count)`: copies `count` elements. */
export const copyElements = (module: KernelModule): Routine =>
  module.define(3, (routine, to, from, count) => {
    routine.while(less(3, count), () => {
      routine.save(to, routine.load(from));
      routine.step(to, 16);
      routine.step(from, 16);
      routine.step(count, -4);
    });
    routine.while(count, () => {
      routine.copy(to, from);
      routine.step(to, 4);
      routine.step(from, 4);
      routine.step(count, -1);
    });
  });

/** `(to, count)`: writes `count` zeros. */
export const zeroElements = (module: KernelModule): Routine =>
  module.define(2, (routine, to, count) => {
    const zero = routine.code.vector();
    routine.code.f32(0).set(zero);
    routine.while(less(3, count), () => {
      routine.save(to, zero);
      routine.step(to, 16);
      routine.step(count, -4);
    });
    routine.while(count, () => {
      routine.store(to, 0);
      routine.step(to, 4);
      routine.step(count, -1);
    });
  });
