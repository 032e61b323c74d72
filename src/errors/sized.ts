import type { z } from 'zod';

/**
 * Limits the length of a string or an array schema to `least`…`most`. zod's own `min` and `max` read `length` even if
 * the value is of the wrong type, and throw a TypeError for an object whose `length` cannot be compared.
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
