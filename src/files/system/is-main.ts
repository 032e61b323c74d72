import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * Whether node was started with this file. The path on the command line may contain links or lack the extension, unlike
 * `import.meta.url`.
 *
 * @param url the file's `import.meta.url`
 */
export function isMain(url: string, started: string | undefined = process.argv[1]): boolean {
  if (started === undefined) return false;
  try {
    return createRequire(url).resolve(started) === fileURLToPath(url);
  } catch {
    return false;
  }
}
