import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Side, SideError, SideTimeout } from '../../src/bench/side.js';

/** A side that runs a little program. */
const sideOf = (script: string): Side =>
  new Side({ name: 'fake', command: process.execPath, args: ['--input-type=module', '-e', script] });

const SERVER = `
  import { createInterface } from 'node:readline';
  const say = (o) => console.log(JSON.stringify(o));
  console.log('a banner that a library prints');
  console.log('{ not json');
  say({ ready: true });
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.startsWith('go')) say({ seconds: Array(Number(line.split(' ')[1])).fill(0.5) });
    else if (line === 'end') { say({ peakRssMiB: 7 }); break; }
    else if (line === 'hang') {}
    else if (line === 'die') { console.error('out of memory'); process.exit(9); }
    else say({ error: 'no such thing' });
  }
  process.stdin.destroy();`;

test('a side answers line by line, even if it prints other text', async () => {
  const side = sideOf(SERVER);
  assert.deepEqual(await side.ready(20), { ready: true });
  assert.deepEqual(await side.ask('go 3', 20), { seconds: [0.5, 0.5, 0.5] });
  assert.deepEqual(await side.ask('go 1', 20), { seconds: [0.5] });
  assert.deepEqual(await side.end(), { peakRssMiB: 7 });
});

test('reported errors, an exit and a timeout of a side are errors with its name', async (t) => {
  const side = sideOf(SERVER);
  t.after(() => side.kill());
  await side.ready(20);
  await assert.rejects(
    side.ask('frobnicate', 20),
    (e) => e instanceof SideError && /^fake cannot answer "frobnicate"\. Got no such thing/.test(e.message),
  );
  await assert.rejects(
    side.ask('hang', 0.2),
    (e) => e instanceof SideTimeout && /0\.2 s at most/.test(e.message),
  );

  const dying = sideOf(SERVER);
  await dying.ready(20);
  await assert.rejects(
    dying.ask('die', 20),
    (e) => e instanceof SideError && /ended before .*exit code 9\nout of memory/s.test(e.message),
  );

  const nobody = new Side({ name: 'nobody', command: '/no/such/program', args: [] });
  await assert.rejects(nobody.ready(20), (e) => e instanceof SideError && /ENOENT/.test(e.message));
});
