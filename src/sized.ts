import type { z } from 'zod';

/**
 * Texts or lists of `least` to `most` characters or entries. zod's own `min` and `max` look at the length of
 * whatever came, even after it was found to be something else, and throw a TypeError for an object whose `length`
 * cannot be compared.
 */
export const sized = <S extends z.ZodType<{ readonly length: number }>>(
  schema: S,
  least: number,
  most = Number.POSITIVE_INFINITY,
) =>
  schema.refine(({ length }) => length >= least && length <= most, {
    error: ({ input }) =>
      `Expected a length of ${most === Number.POSITIVE_INFINITY ? 'at least' : `${least} to`} ${
        most === Number.POSITIVE_INFINITY ? least : most
      }; got ${(input as { length: number }).length}`,
  });
