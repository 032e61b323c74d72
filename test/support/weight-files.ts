import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readFixture } from './generated.js';

/** Files of weights that make_weights.py made. */
export const WEIGHT_FILES = fileURLToPath(new URL('../../../test/fixtures/weights/', import.meta.url));

/** Versions of PyTorch that made some. */
export const TORCHES = readdirSync(WEIGHT_FILES).filter((name) => name.startsWith('torch-'));

export interface Numbers {
  readonly dtype: string;
  readonly shape: number[];
  readonly data: (number | string | boolean)[];
}

/** What PyTorch says is in each of its files, by tensor. */
export const numbersOf = (torch: string): Record<string, Record<string, Numbers>> =>
  readFixture<{ files: Record<string, Record<string, Numbers>> }>(`weights/${torch}/numbers.json`).files;

/** A number as JSON could not hold it: "inf", "-inf", "nan". */
export const numberOf = (value: number | string | boolean): number =>
  value === 'inf' ? Infinity : value === '-inf' ? -Infinity : Number(value);

/** Files that must be refused, by name without ending. */
export const badFiles = (): string[] =>
  readdirSync(join(WEIGHT_FILES, 'bad')).map((name) => name.replace(/\.pth$/, ''));
