import { NativeError } from '../api/constants.js';
import type { Dnnl } from '../api/dnnl.js';
import { DnnlV2 } from '../api/v2.js';
import { DnnlV3 } from '../api/v3.js';
import { loadOneDnn, refuseLibrary } from './library.js';

/**
 * Loads oneDNN with the bindings for its version.
 * @throws DeviceError if there is no library, or if it is not a complete one
 */
export function openDnnl(): Dnnl {
  const library = loadOneDnn();
  try {
    return library.version.startsWith('2.') ? new DnnlV2(library) : new DnnlV3(library);
  } catch (error) {
    if (!(error instanceof NativeError)) throw error;
    return refuseLibrary(library.path, `a complete oneDNN ${library.version}`, error.message);
  }
}
