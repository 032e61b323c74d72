import koffi from 'koffi';
import type { Execute } from './load.js';

/** The library's function that runs a primitive, for any thread. @param path the library that is loaded already */
export const executeOf = (path: string): Execute =>
  koffi
    .load(path)
    .func('int dnnl_primitive_execute(uintptr_t, uintptr_t, int, uintptr_t)') as unknown as Execute;
