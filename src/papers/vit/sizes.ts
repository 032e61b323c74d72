/** The paper's table 1; the suffix is the side of a patch. */
export const SIZES = {
  'base-16': { patch: 16, width: 768, depth: 12, heads: 12, hidden: 3072 },
  'large-16': { patch: 16, width: 1024, depth: 24, heads: 16, hidden: 4096 },
  'huge-14': { patch: 14, width: 1280, depth: 32, heads: 16, hidden: 5120 },
} as const;
export type Size = keyof typeof SIZES;
