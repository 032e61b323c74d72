import type { Language } from '../../../display/languages.js';

/** Path of a page in a language: Chinese pages are below `zh/`. */
export const inLanguage = (path: string, language: Language): string =>
  language === 'zh' ? `zh/${path}` : path;

/** Relative link from a page to a path, both from the site's root: it works on a server and from disk. */
export const linkTo = (from: string, path: string): string =>
  `${'../'.repeat(from.split('/').length - 1)}${path.split('/').map(encodeURIComponent).join('/')}`;

export const paperPath = (id: string): string => `papers/${id}.html`;
export const runPath = (id: string): string => `runs/${id}.html`;
export const notePath = (id: string): string => `notes/${id}.html`;
