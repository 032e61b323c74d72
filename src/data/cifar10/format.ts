import { counted } from '../../errors/counted.js';
import { DataError } from '../../errors/errors.js';

const IMAGE = 3 * 32 * 32;
/** Bytes of a record: one label, then 1024 red, 1024 green and 1024 blue bytes, each plane row by row. */
export const RECORD = 1 + IMAGE;
const RECORDS = 10_000;
export const CLASSES: readonly string[] = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
];
export const FETCH_AGAIN = 'delete the folder and fetch the archive again (download: true)';

/**
 * @param size of the file in bytes
 * @throws DataError if the size is not a multiple of the record size, or not 10,000 records unless `allowPartial`
 */
export function checkSize(file: string, size: number, allowPartial: boolean): void {
  const whole = Math.floor(size / RECORD);
  if (size === 0 || size % RECORD !== 0) {
    throw new DataError({
      what: `${file} does not hold whole CIFAR-10 records`,
      expected: `a multiple of ${RECORD} bytes (${RECORDS * RECORD} for ${RECORDS} records)`,
      got: `${counted(size, 'byte')}, which is ${counted(whole, 'record')} and ${counted(size % RECORD, 'byte')}`,
      next: FETCH_AGAIN,
    });
  }
  if (whole !== RECORDS && !allowPartial) {
    throw new DataError({
      what: `${file} has the wrong number of records`,
      expected: `${RECORDS} records (${RECORDS * RECORD} bytes)`,
      got: `${counted(whole, 'record')} (${counted(size, 'byte')})`,
      next: FETCH_AGAIN,
    });
  }
}

/** @throws DataError for a label above 9 */
export function checkLabels(file: string, records: Uint8Array): void {
  for (let record = 0, at = 0; at < records.length; record++, at += RECORD) {
    if (records[at]! < CLASSES.length) continue;
    throw new DataError({
      what: `${file} has a bad label at record ${record}, byte offset ${at}`,
      expected: 'a label from 0 to 9',
      got: `label ${records[at]}`,
      next: 'this is not the CIFAR-10 binary version, or the file is damaged: fetch it again',
    });
  }
}

/** Class names of batches.meta.txt. @throws DataError unless there are ten */
export function parseClasses(file: string, text: string): string[] {
  const names = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (names.length === CLASSES.length) return names;
  throw new DataError({
    what: `${file} does not name the classes`,
    expected: '10 names, one per line',
    got: `${names.length}`,
    next: 'delete it (the standard names are then used), or fetch the archive again',
  });
}
