import koffi from 'koffi';
import { openLibc } from '../../../files/system/libc.js';
import { openMpOf } from './dll.js';

const WINDOWS = process.platform === 'win32';

/**
 * Keeps a library and the OpenMP runtime that it uses loaded until the process ends: the runtime's threads outlive
 * oneDNN's handle, and the process would crash at exit if their code were unloaded.
 */
export function pin(file: string): void {
  if (WINDOWS) {
    const kernel = koffi.load('kernel32.dll');
    // The wide function: the other one reads names in the system's code page, not in UTF-8.
    const hold = kernel.func('int GetModuleHandleExW(uint32_t, const char16_t *, _Out_ void **)');
    const GET_MODULE_HANDLE_EX_FLAG_PIN = 1;
    for (const name of [file, openMpOf(file)]) if (name) hold(GET_MODULE_HANDLE_EX_FLAG_PIN, name, [null]);
    return;
  }
  const RTLD_NOW = 0x2;
  const RTLD_NODELETE = process.platform === 'darwin' ? 0x80 : 0x1000;
  openLibc().func('void *dlopen(const char *, int)')(file, RTLD_NOW | RTLD_NODELETE);
}

/**
 * Sets the number of threads of the OpenMP runtime that a loaded library uses, for the calling thread; undefined if the
 * runtime cannot be found.
 */
export function setThreadsOf(file: string): ((count: number) => void) | undefined {
  try {
    // The system's look-up of a symbol includes what a library depends on, except on Windows.
    const runtime = WINDOWS ? openMpOf(file) : file;
    if (!runtime) return undefined;
    return koffi.load(runtime).func('void omp_set_num_threads(int)') as (count: number) => void;
  } catch {
    return undefined;
  }
}
