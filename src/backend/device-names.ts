/** Device names of `--device` and `openDevice`; `auto` is the fastest device that works. */
export const DEVICES = ['auto', 'webgpu', 'onednn', 'wasm', 'reference'] as const;
/** Maximum number of threads: with many more, OpenMP runs out of memory and ends the process. */
export const MAX_THREADS = 1024;
export type DeviceName = (typeof DEVICES)[number];
/** Number types of `--precision` and `openDevice`; `auto` is the fastest of the device. */
export const PRECISIONS = ['auto', 'float32', 'bfloat16', 'float16'] as const;
/** Engines that compute on the processor, each in a thread of its own. */
export const ENGINES = ['onednn', 'wasm', 'reference'] as const;
/** An engine of the processor by its name. */
export type EngineName = (typeof ENGINES)[number];
