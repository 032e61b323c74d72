import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import type { ResultHead } from './result.js';

/** Header of every result: date, machine and version. */
export function resultHead(threads: number): ResultHead {
  const file = new URL('../../../package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return {
    date: new Date().toISOString(),
    paperweight: version,
    machine: {
      cpu: cpus()[0]?.model.trim() || 'unknown',
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      platform: `${process.platform} ${process.arch}`,
      node: process.version,
    },
    threads,
  };
}
