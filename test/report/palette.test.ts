import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DARK, LIGHT, SANS, SERIF } from '../../src/report/drawing/palette.js';

const TOKENS = fileURLToPath(new URL('../../../src/web/styles/tokens.css', import.meta.url));
const spaceless = (text: string): string => text.replaceAll(/\s+/g, '');

test('reports and figures have the colours and fonts of the dashboard and of sites', async () => {
  const css = await readFile(TOKENS, 'utf8');
  for (const [theme, palette] of [
    ['light', LIGHT],
    ['dark', DARK],
  ] as const) {
    const block = new RegExp(`data-theme="${theme}"\\] \\{([^}]*)\\}`).exec(css)![1]!;
    for (const [name, value] of Object.entries(palette))
      assert.ok(block.includes(`--${name}: ${value};`), `${theme} ${name} ${value}`);
  }
  for (const [name, fonts] of [
    ['sans', SANS],
    ['serif', SERIF],
  ] as const)
    assert.ok(spaceless(css).includes(`--${name}:${spaceless(fonts)};`), name);
});
