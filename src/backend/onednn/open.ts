import type { Dnnl } from './dnnl.js';
import { loadOneDnn } from './library.js';
import { DnnlV2 } from './v2.js';
import { DnnlV3 } from './v3.js';

/** Loads oneDNN and takes the bindings of its version. */
export function openDnnl(): Dnnl {
  const library = loadOneDnn();
  return library.version.startsWith('2.') ? new DnnlV2(library) : new DnnlV3(library);
}
