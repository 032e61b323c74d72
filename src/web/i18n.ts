import type { Language } from '../display/languages.js';
import { EN } from './i18n/en.js';
import { ZH } from './i18n/zh.js';

/** Name of a text. `{name}` in the text is a placeholder; `{name:image|images}` is one of two words, by the number. */
export type Key = keyof typeof EN;

export const TEXTS: Readonly<Record<Language, Readonly<Record<Key, string>>>> = { en: EN, zh: ZH };

export type Translate = (key: Key, values?: Readonly<Record<string, string | number>>) => string;

/** Missing values stay visible as `{name}`. */
export function translator(language: Language): Translate {
  const texts = TEXTS[language];
  return (key, values = {}) =>
    texts[key].replace(/\{(\w+)(?::(\w+)\|(\w+))?\}/g, (whole, name: string, one?: string, many?: string) => {
      const value = String(values[name] ?? whole);
      return (value === '1' ? one : many) ?? value;
    });
}
