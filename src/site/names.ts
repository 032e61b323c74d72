import { isWindowsName } from '../files/system/windows-name.js';

/**
 * Names for pages, from titles: letters (also Chinese ones), digits and hyphens. A name that is taken, or
 * that Windows cannot use, gets a number.
 *
 * @param kind for titles without a letter or digit
 */
export function uniqueNames(titles: readonly string[], kind: string): string[] {
  const taken = new Set<string>();
  return titles.map((title) => {
    const plain = [...title.normalize('NFKC').toLowerCase()]
      .join('')
      .replaceAll(/[^\p{L}\p{N}]+/gu, '-')
      .replaceAll(/^-|-$/g, '');
    const name = [...plain].slice(0, 60).join('') || kind;
    let unique = name;
    for (let i = 2; taken.has(unique) || !isWindowsName(unique); i++) unique = `${name}-${i}`;
    taken.add(unique);
    return unique;
  });
}
