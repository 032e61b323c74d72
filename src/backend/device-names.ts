/** Device names of `--device` and `openDevice`; `auto` is the fastest device that works. */
export const DEVICES = ['auto', 'onednn', 'wasm', 'reference'] as const;
/** Maximum number of threads: with many more, OpenMP runs out of memory and ends the process. */
export const MAX_THREADS = 1024;
export type DeviceName = (typeof DEVICES)[number];
/** An engine by its name. */
export type EngineName = Exclude<DeviceName, 'auto'>;
