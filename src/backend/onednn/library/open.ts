import type { Dnnl } from '../api/dnnl.js';
import { DnnlV2 } from '../api/v2.js';
import { DnnlV3 } from '../api/v3.js';
import { loadOneDnn } from './library.js';

/** Loads oneDNN with the bindings for its version. */
export function openDnnl(): Dnnl {
  const library = loadOneDnn();
  return library.version.startsWith('2.') ? new DnnlV2(library) : new DnnlV3(library);
}
