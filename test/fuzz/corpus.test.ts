import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keptInputs } from '../../fuzz/corpus.js';
import { Engine } from '../../fuzz/engine.js';
import { tryInput } from '../../fuzz/outcome.js';
import { TARGETS } from '../../fuzz/targets/index.js';

/** Fewer runs for targets whose inputs use other threads. */
const runsOf = ({ parallel = 1 }: { readonly parallel?: number }): number => (parallel > 1 ? 100 : 2000);

for (const target of TARGETS)
  test(`${target.name}: seeds are read, former failures stay fixed, and new inputs cause none`, async () => {
    const kinds = new Set<string>();
    for (const seed of await target.seeds()) kinds.add((await tryInput(target, seed)).kind);
    assert.ok(
      [...kinds].some((kind) => kind.startsWith('ok')),
      `no seed is read: ${[...kinds]}`,
    );
    const kept = keptInputs(target.name);
    for (const { name, input } of kept) {
      const { failure } = await tryInput(target, input);
      assert.equal(failure, undefined, name);
    }
    const { inputs, failures } = await new Engine(target, {
      seed: 20121203,
      runs: runsOf(target),
      corpus: kept.map(({ input }) => input),
      steady: true,
    }).run();
    assert.deepEqual(failures, []);
    assert.ok(inputs >= runsOf(target));
  });
