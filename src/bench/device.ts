import type { Device } from '../backend/backend.js';
import { openDevice } from '../backend/open.js';
import { UsageError } from '../errors.js';
import type { Work } from './work.js';

/** Precisions that the library computes in today. */
export const PRECISIONS = ['auto', 'float32'] as const;

/**
 * Opens the device of our side. This is the one place where `--precision` reaches the library: when openDevice
 * takes it, hand it on here and extend PRECISIONS.
 *
 * @throws UsageError for a precision that the library does not have
 */
export async function openBenchDevice({
  device,
  threads,
  precision,
}: Pick<Work, 'device' | 'threads' | 'precision'>): Promise<Device> {
  checkPrecision(precision);
  return (await openDevice(device, { threads })).device;
}

export function checkPrecision(precision: Work['precision']): void {
  if ((PRECISIONS as readonly string[]).includes(precision)) return;
  throw new UsageError({
    what: `Paperweight does not compute in ${precision} yet`,
    expected: PRECISIONS.join(' or '),
    got: precision,
    next: 'leave --precision out; a peer’s own is chosen with --peer-mode',
  });
}
