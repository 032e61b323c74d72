/** A number with separators between thousands: `1,234`. */
export const grouped = (n: number): string => n.toLocaleString('en-US');

/**
 * A number with its noun: `1 image`, `1,234 images`.
 *
 * @param many the plural, if it is not made with an s
 */
export const counted = (n: number, one: string, many = `${one}s`): string =>
  `${grouped(n)} ${n === 1 ? one : many}`;

/** {@link counted} for classes. */
export const classCount = (n: number): string => counted(n, 'class', 'classes');
