import hljs from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import cpp from 'highlight.js/lib/languages/cpp';
import json from 'highlight.js/lib/languages/json';
import python from 'highlight.js/lib/languages/python';
import typescript from 'highlight.js/lib/languages/typescript';
import yaml from 'highlight.js/lib/languages/yaml';
import { escapeXml } from '../../../display/svg-text.js';

for (const [name, language] of Object.entries({ bash, cpp, json, python, typescript, yaml }))
  hljs.registerLanguage(name, language);

/** Longer code is shown plain: it would take seconds. */
const MOST = 200_000;

/** Code as HTML with a class for each kind of word; plain text for a language that is not known. */
export function highlight(code: string, language: string): string {
  if (code.length > MOST || !hljs.getLanguage(language)) return escapeXml(code);
  return hljs.highlight(code, { language, ignoreIllegals: true }).value;
}
