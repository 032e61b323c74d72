import { readFileSync } from 'node:fs';

/** The fields of package.json that are used. */
export interface Manifest {
  readonly version: string;
  readonly paperweight: { readonly defaultPaper: string };
}

let read: Manifest | undefined;

export function manifest(): Manifest {
  read ??= JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as Manifest;
  return read;
}

/** Version of the package. */
export const version = (): string => manifest().version;
