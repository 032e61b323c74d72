/** What may be asked to compute: the fastest that works, or one by its name. */
export const DEVICES = ['auto', 'onednn', 'reference'] as const;
/** Most threads that anyone may ask for: with far more, OpenMP ends the process for want of memory. */
export const MAX_THREADS = 1024;
export type DeviceName = (typeof DEVICES)[number];
