/** Start of a centred window: rounded half to even when cropping, down when padding, as in torchvision. */
export function centred(from: number, to: number): number {
  const half = (from - to) / 2;
  if (from < to) return -Math.floor(-half);
  return Number.isInteger(half) ? half : 2 * Math.round((from - to) / 4);
}
