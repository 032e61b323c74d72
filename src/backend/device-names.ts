/** What may be asked to compute: the fastest that works, or one by its name. */
export const DEVICES = ['auto', 'onednn', 'reference'] as const;
export type DeviceName = (typeof DEVICES)[number];
