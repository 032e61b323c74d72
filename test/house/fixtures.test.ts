import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';

/** Seeds that are numbers, in older functions that seed each network anew: their committed values depend on them. */
const SEEDED_BY_NUMBER: Readonly<Record<string, number>> = {
  'make_fixtures.py': 1,
  'make_onnx.py': 1,
  'make_torchvision.py': 2,
  'make_weights.py': 1,
};
const FIXTURES = fileURLToPath(new URL('../../../test/fixtures/', import.meta.url));

it('fixtures draw from streams that are seeded by name, so that a new case changes no other', () => {
  const scripts = readdirSync(FIXTURES).filter((name) => /^make_.*\.py$/.test(name));
  assert.ok(scripts.length > 10);
  for (const name of scripts) {
    const text = readFileSync(`${FIXTURES}${name}`, 'utf8');
    assert.doesNotMatch(
      text,
      /default_rng|\brandom\.seed|np\.random\.\w/,
      `${name}: use stream(NAME) of streams.py`,
    );
    // At the beginning of a line, a stream would be shared by all cases of the script.
    assert.doesNotMatch(text, /^(?:\w[^(\n]*= )?(?:stream|seed)\(/m, `${name}: one stream for all cases`);
    const constant = text.match(/manual_seed\((?!seed\()/g)?.length ?? 0;
    assert.ok(
      constant <= (SEEDED_BY_NUMBER[name] ?? 0),
      `${name}: torch.manual_seed(seed(NAME)), with seed of streams.py`,
    );
  }
});
