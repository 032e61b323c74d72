/** What a call of the kernel of one position does: see `encodeForwardPosition`. */
export const MODE = { prepare: 0, finish: 1, begin: 2 } as const;
