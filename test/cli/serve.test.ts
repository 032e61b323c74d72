import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { addresses } from '../../src/cli/serve.js';
import { makeRun } from '../serve/support.js';
import { runCli } from '../support/cli.js';
import { scratch } from '../support/toy.js';

const PAGES = existsSync(fileURLToPath(new URL('../../web/index.html', import.meta.url)));
const needsPages = { skip: PAGES ? false : 'the pages have not been built (npm run build)' };

/** Runs serve until it has printed its address, uses the address, and sends a signal. */
async function serve(
  args: readonly string[],
  body: (address: string) => Promise<void>,
  signal: NodeJS.Signals,
  env: NodeJS.ProcessEnv = {},
) {
  let failure: unknown;
  const result = await runCli(['serve', ...args], {
    env,
    onStart: (child) => {
      child.stdout!.once('data', (text: string) => {
        body(String(text).split('\n')[0]!)
          .catch((error) => (failure = error))
          .finally(() => child.kill(signal));
      });
    },
  });
  if (failure) throw failure;
  return result;
}

test('serve prints its address, answers there, and ends on Ctrl-C', needsPages, async (t) => {
  const root = await scratch(t);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const { code, stderr } = await serve(
      [root, '--port', '0'],
      async (address) => {
        assert.match(address, /^http:\/\/127\.0\.0\.1:\d+\/$/);
        const meta = (await (await fetch(new URL('/api/meta', address))).json()) as { control: boolean };
        assert.equal(meta.control, false);
      },
      signal,
    );
    assert.equal(code, 0, stderr);
  }
});

test('on an address that other machines can reach, the link contains a token', needsPages, async (t) => {
  const root = await scratch(t);
  await serve(
    [root, '--port', '0', '--host', '0.0.0.0', '--control'],
    async (address) => {
      assert.match(address, /^http:\/\/\d+\.\d+\.\d+\.\d+:\d+\/\?token=[\w-]{32}$/);
      // The first one that others can open.
      const url = new URL(address);
      assert.notEqual(url.hostname, '0.0.0.0');
      const token = url.searchParams.get('token')!;
      const status = async (headers = {}) => (await fetch(new URL('/api/meta', url), { headers })).status;
      assert.equal(await status(), 401);
      assert.equal(await status({ Authorization: `Bearer ${token}` }), 200);
    },
    'SIGINT',
  );
});

test(
  'with --control the link carries a token, since others may use this machine too',
  needsPages,
  async (t) => {
    const root = await scratch(t);
    const status = async (address: string, token?: string) => {
      const headers: Record<string, string> = token ? { Authorization: `Bearer ${token}` } : {};
      return (await fetch(new URL('/api/runs', address), { headers })).status;
    };
    const tokens = new Set<string>();
    for (let i = 0; i < 2; i++)
      await serve(
        [root, '--port', '0', '--control'],
        async (address) => {
          const token = /^http:\/\/127\.0\.0\.1:\d+\/\?token=([\w-]{32})$/.exec(address)?.[1];
          assert.ok(token, address);
          tokens.add(token);
          assert.deepEqual([await status(address), await status(address, token)], [401, 200]);
        },
        'SIGINT',
      );
    assert.equal(tokens.size, 2, 'another one each time');
    const open = await serve(
      [root, '--port', '0', '--control', '--no-token'],
      async (address) => {
        assert.match(address, /^http:\/\/127\.0\.0\.1:\d+\/$/);
        assert.equal(await status(address), 200);
      },
      'SIGINT',
    );
    assert.match(open.stderr, /every user of this machine can change and delete/);
    const kept = 'kept-for-each-start-0123';
    await serve(
      [root, '--port', '0'],
      async (address) => {
        assert.ok(address.endsWith(`/?token=${kept}`), address);
        assert.deepEqual([await status(address), await status(address, kept)], [401, 200]);
      },
      'SIGINT',
      { PAPERWEIGHT_TOKEN: kept },
    );
  },
);

test('train --serve shows the run during training, and ends with it', needsPages, async (t) => {
  const root = await scratch(t);
  const few = ['--dataset', 'shapes10', '--max-steps', '2', '--batch-size', '1', '--eval-limit', '1'];
  let seen: Promise<{ id: string; status: string }[]> | undefined;
  const { code, stdout, stderr } = await runCli(
    ['train', '--preset', 'quick', ...few, '--run', `${root}/served`, '--serve', '0', '--json'],
    {
      timeoutMs: 200_000,
      onStart: (child) => {
        child.stderr!.on('data', (text: string) => {
          const address = /^Dashboard: (.*)$/m.exec(text)?.[1];
          if (address)
            seen ??= fetch(new URL('/api/runs', address)).then(
              (answer) => answer.json() as Promise<{ id: string; status: string }[]>,
            );
        });
      },
    },
  );
  assert.equal(code, 0, stderr);
  assert.deepEqual(
    (await seen)?.map(({ id, status }) => [id, status]),
    [['served', 'training']],
  );
  for (const line of stdout.trim().split('\n')) JSON.parse(line);
  assert.match(stderr, /paperweight serve /);
  const address = /^Dashboard: (.*)$/m.exec(stderr)![1]!;
  await assert.rejects(fetch(address));
});

test('train --serve does not train if the dashboard cannot start', async (t) => {
  const root = await scratch(t);
  const other = createServer().listen(0, '127.0.0.1');
  t.after(() => other.close());
  await new Promise((resolve) => other.once('listening', resolve));
  const port = String((other.address() as AddressInfo).port);
  const args = [
    'train',
    '--preset',
    'quick',
    '--dataset',
    'shapes10',
    '--max-steps',
    '1',
    '--run',
    `${root}/r`,
  ];
  const { code, stdout, stderr } = await runCli([...args, '--serve', port]);
  assert.equal(code, 1, stderr);
  assert.equal(stdout, '');
  assert.match(stderr, /^error: The dashboard could not be started\. .* Next: .*--resume --run /m);
  const control = await runCli([...args, '--control']);
  assert.deepEqual([control.code, /add --serve/.test(control.stderr)], [2, true]);
});

test('the list is empty before the first run, which then appears', needsPages, async (t) => {
  const root = await scratch(t);
  const [real, link] = [join(root, 'later', 'runs'), join(root, 'link')];
  await symlink(real, link);
  for (const runs of [join(root, 'runs'), link]) {
    const { code, stderr } = await serve(
      [runs, '--port', '0'],
      async (address) => {
        const list = async () =>
          ((await (await fetch(new URL('/api/runs', address))).json()) as { id: string }[]).map(
            ({ id }) => id,
          );
        assert.deepEqual(await list(), []);
        await makeRun(runs === link ? real : runs, 'first');
        assert.deepEqual(await list(), ['first']);
      },
      'SIGINT',
    );
    assert.equal(code, 0, stderr);
    assert.match(stderr, /does not exist yet/);
  }
});

test('the link names addresses that other machines can open', () => {
  const one = (address: string, internal = false) => ({
    address,
    internal,
    family: address.includes(':') ? 'IPv6' : 'IPv4',
  });
  const interfaces = {
    lo: [one('127.0.0.1', true), one('::1', true)],
    eth0: [one('192.168.1.7'), one('fe80::1'), one('2001:db8::7')],
    wlan0: [one('10.0.0.3')],
  } as unknown as Parameters<typeof addresses>[2];
  const at = (host: string, bound = host) => addresses(host, bound, interfaces);
  assert.deepEqual(at('127.0.0.1'), ['127.0.0.1']);
  assert.deepEqual(at('localhost', '127.0.0.1'), ['localhost']);
  assert.deepEqual(at('::1'), ['[::1]']);
  assert.deepEqual(at('192.168.1.7'), ['192.168.1.7']);
  const four = ['192.168.1.7', '10.0.0.3', '127.0.0.1'];
  for (const host of ['0.0.0.0', '0', '0.0']) assert.deepEqual(at(host, '0.0.0.0'), four);
  for (const host of ['::', '0:0::0'])
    assert.deepEqual(at(host, '::'), ['192.168.1.7', '[2001:db8::7]', '10.0.0.3', '127.0.0.1']);
  assert.deepEqual(addresses('0.0.0.0', '0.0.0.0', {}), ['127.0.0.1']);
});

test('serve reports what is wrong with its options', async (t) => {
  const root = await scratch(t);
  const refused = async (args: readonly string[], words: RegExp) => {
    const { code, stdout, stderr } = await runCli(['serve', ...args]);
    assert.equal(code, 2, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, words);
  };
  await writeFile(join(root, 'file'), '');
  await refused([`${root}/file`], /^error: cannot open the runs folder .* Next: /);
  await refused([`${root}/file/runs`], /^error: cannot open the runs folder .* Next: /);
  await refused([root, '--token', 'short'], /^error: --token cannot be used\. /);
  const short = await runCli(['serve', root], { env: { PAPERWEIGHT_TOKEN: 'short' } });
  assert.deepEqual([short.code, /^error: PAPERWEIGHT_TOKEN cannot be used\. /.test(short.stderr)], [2, true]);
  assert.doesNotMatch(short.stderr, /"short"/);
  await refused([root, '--no-token', '--host', '0.0.0.0'], /without a token\. .*leave --no-token out/);
  await refused([root, '--port', '65536'], /^error: --port 65536 cannot be used\. /);
  if (!PAGES) return refused([root], /^error: The pages .* npm run build/);
  const other = createServer().listen(0, '127.0.0.1');
  t.after(() => other.close());
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as AddressInfo;
  await refused(
    [root, '--port', String(port)],
    /^error: Cannot listen on 127\.0\.0\.1:\d+\. Got a port that is already in use/,
  );
});

test('for a folder whose runs are one level deeper, serve names that level', needsPages, async (t) => {
  const root = await scratch(t);
  await mkdir(join(root, 'alexnet', 'four-layer-seed0'), { recursive: true });
  await writeFile(join(root, 'alexnet', 'four-layer-seed0', 'config.json'), '{}');
  const started = async (folder: string) =>
    (await serve([folder, '--port', '0'], async () => {}, 'SIGTERM')).stderr;
  const inside = join(root, 'alexnet');
  assert.match(await started(root), new RegExp(`contains no runs; .*paperweight serve ${inside}\\n`));
  assert.doesNotMatch(await started(inside), /contains no runs/);
});
