import assert from 'node:assert/strict';
import { execSync } from 'node:child_process';
import { test } from 'node:test';
import { bytesOf, textOf } from '../../fuzz/bytes.js';
import { Engine, type Options } from '../../fuzz/engine.js';
import { shrink } from '../../fuzz/shrink.js';
import { must, type Target } from '../../fuzz/target.js';
import { DataError } from '../../src/errors/errors.js';

/** Fuzzes a JSON reader that has a bug. */
async function fuzz(wrong: (value: unknown) => void, options: Partial<Options> = {}) {
  const target: Target = {
    name: 'wrong',
    format: 'json',
    seeds: () => [bytesOf('{"a":[1,2],"b":"c"}')],
    run(input) {
      let value: unknown;
      try {
        value = JSON.parse(textOf(input));
      } catch {
        throw new DataError({ what: 'this is not JSON' });
      }
      wrong(value);
      return typeof value;
    },
  };
  const engine = new Engine(target, { seed: 1, runs: 3000, ...options });
  return { engine, report: await engine.run() };
}

const memberOf = (value: unknown, name: string): unknown => (value as Record<string, unknown>)[name];

test('a reader without faults has no failures, and the same seed gives the same inputs', async () => {
  const [one, two] = [await fuzz(() => {}), await fuzz(() => {})];
  assert.deepEqual(one.report.failures, []);
  assert.equal(one.report.inputs, 3000);
  assert.ok(one.report.accepted > 300 && one.report.accepted < 3000, `${one.report.accepted}`);
  assert.deepEqual(one.engine.corpus, two.engine.corpus);
  assert.notDeepEqual(one.engine.corpus, (await fuzz(() => {}, { seed: 2 })).engine.corpus);
});

test('the inputs of a steady run do not depend on what the reader does with them', async () => {
  const inputsOf = async (wrong: (value: unknown) => void): Promise<string[]> => {
    const inputs: string[] = [];
    await fuzz(wrong, { steady: true, runs: 500, before: (input) => inputs.push(textOf(input)) });
    return inputs.slice(0, 500);
  };
  const plain = await inputsOf(() => {});
  const picky = await inputsOf((value) => {
    if (typeof value !== 'string') throw new DataError({ what: `no ${JSON.stringify(value)}` });
  });
  assert.deepEqual(plain, picky);
  assert.ok(new Set(plain).size > 200, `${new Set(plain).size} different inputs`);
});

test('an error of another class is a failure, with its input', async () => {
  const { engine, report } = await fuzz((value) => memberOf(value, 'a'));
  assert.match(report.failures[0]!, /^TypeError/);
  assert.equal(textOf(engine.failures[0]!.input).trim(), 'null');
});

test('a property that does not hold is a failure', async () => {
  const { report } = await fuzz((value) => must(memberOf(value ?? {}, 'b') !== true, 'b is true'));
  assert.match(report.failures[0]!, /b is true/);
});

test('a message as long as the input is a failure', async () => {
  class Talkative extends DataError {}
  const { report } = await fuzz((value) => {
    if (memberOf(value ?? {}, 'b') === 'c') return;
    const error = new Talkative({ what: 'no' });
    error.message = 'x'.repeat(10_000);
    throw error;
  });
  assert.match(report.failures[0]!, /^a message of more than/);
});

test('executed code is a failure', async () => {
  const { report } = await fuzz((value) => {
    if (memberOf(value ?? {}, 'b') === '') execSync('true');
  });
  assert.ok(
    report.failures.some((failure) => /called execSync/.test(failure)),
    String(report.failures),
  );
  assert.equal(String(execSync('echo again')), 'again\n');
});

test('a change of a shared prototype is a failure, and is undone', async () => {
  const { report } = await fuzz((value) => {
    if (typeof memberOf(value ?? {}, 'b') === 'number') Object.assign(Object.prototype, { polluted: 1 });
  });
  assert.match(report.failures[0]!, /^changed polluted/);
  assert.equal(memberOf({}, 'polluted'), undefined);
});

test('memory out of proportion is a failure', async () => {
  const kept: ArrayBuffer[] = [];
  const { report } = await fuzz((value) => {
    if (memberOf(value ?? {}, 'b') === false) kept.push(new ArrayBuffer(100 * 2 ** 20));
  });
  assert.match(report.failures[0]!, /^took 100 MiB/);
});

test('an input is made smaller while it fails', async () => {
  const small = await shrink(bytesOf('something with a needle in it'), async (input) =>
    textOf(input).includes('needle'),
  );
  assert.equal(textOf(small), 'needle');
});
