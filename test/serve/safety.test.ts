import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { UsageError } from '../../src/errors/errors.js';
import { Dashboard } from '../../src/serve/http/server.js';
import { isSegment } from '../../src/serve/runs/path-containment.js';
import { scratch } from '../support/toy.js';
import { ask, call, makeRun, NO_PAPERS, openDashboard, send } from './support.js';

const TOKEN = 'a-token-that-nobody-guesses';

test('every answer has headers that forbid what the pages do not need', async (t) => {
  const { dashboard } = await openDashboard(t);
  for (const path of ['/', '/app.js', '/api/meta', '/api/runs/absent', '/nothing.txt']) {
    const { headers } = await ask(dashboard, path);
    assert.equal(
      headers['content-security-policy'],
      "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    );
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['referrer-policy'], 'no-referrer');
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
    assert.equal(headers['cross-origin-opener-policy'], 'same-origin');
    assert.equal(headers['access-control-allow-origin'], undefined);
  }
});

test('a foreign host name that resolves to this machine is refused', async (t) => {
  const { dashboard } = await openDashboard(t);
  const status = async (host: string) =>
    (await ask(dashboard, '/api/meta', { headers: { Host: host } })).status;
  for (const host of [
    'evil.example',
    `evil.example:${dashboard.port}`,
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '10.0.0.1',
  ])
    assert.equal(await status(host), 421, host);
  for (const host of ['localhost', `LOCALHOST:${dashboard.port}`, `127.0.0.1:${dashboard.port}`, '[::1]:80'])
    assert.equal(await status(host), 200, host);
});

test('requests caused by another site are refused', async (t) => {
  const { dashboard, root } = await openDashboard(t, { control: true });
  await makeRun(root, 'run');
  const host = `127.0.0.1:${dashboard.port}`;
  const good = {
    Host: host,
    Origin: `http://${host}`,
    'Sec-Fetch-Site': 'same-origin',
    'Content-Type': 'application/json',
    'X-Paperweight': '1',
  };
  const patch = async (changes: Record<string, string>, without?: string) => {
    const headers = Object.fromEntries(
      Object.entries({ ...good, ...changes }).filter(([name]) => name !== without),
    );
    return (await ask(dashboard, '/api/runs/run', { method: 'PATCH', headers, body: '{"name":"x"}' })).status;
  };
  assert.equal(await patch({}), 200);
  assert.equal(await patch({}, 'Origin'), 200);
  assert.equal(await patch({ Origin: 'http://evil.example' }), 403);
  assert.equal(await patch({ Origin: 'http://127.0.0.1:1' }), 403);
  assert.equal(await patch({ Origin: 'null' }), 403);
  assert.equal(await patch({ 'Sec-Fetch-Site': 'cross-site' }), 403);
  assert.equal(await patch({ 'Sec-Fetch-Site': 'same-site' }), 403);
  assert.equal(await patch({}, 'X-Paperweight'), 403);
  assert.equal(await patch({ 'Content-Type': 'text/plain' }), 415);
  assert.equal(await patch({}, 'Content-Type'), 415);
  for (const [method, path] of [
    ['DELETE', '/api/runs/run'],
    ['POST', '/api/undo/0123456789abcdef'],
    ['POST', '/api/runs/run/control'],
    ['POST', '/api/runs/run/features?layer=a&index=0'],
    ['POST', '/api/runs/run/predict?index=0'],
  ] as const)
    assert.equal((await ask(dashboard, path, { method })).status, 403, path);
  const read = { 'Sec-Fetch-Site': 'cross-site' };
  assert.equal((await ask(dashboard, '/api/runs', { headers: read })).status, 403);
  assert.equal((await readdir(root)).includes('run'), true);
});

test('without --control nothing changes', async (t) => {
  const { dashboard, root } = await openDashboard(t);
  await makeRun(root, 'run');
  assert.deepEqual((await ask(dashboard, '/api/meta')).body, { version: '1.2.3', control: false });
  for (const answer of [
    await send(dashboard, 'PATCH', '/api/runs/run', { name: 'x' }),
    await send(dashboard, 'DELETE', '/api/runs/run'),
    await send(dashboard, 'POST', '/api/undo/0123456789abcdef'),
    await send(dashboard, 'POST', '/api/runs/run/control', { action: 'stop' }),
  ]) {
    assert.equal(answer.status, 403);
    assert.match(answer.text, /--control/);
  }
  assert.deepEqual((await readdir(join(root, 'run'))).sort(), [
    'checkpoints',
    'config.json',
    'kernels',
    'metrics.jsonl',
    'state.json',
  ]);
});

test('an address other than loopback needs a token', async (t) => {
  const root = await scratch(t);
  const options = { root, port: 0, control: false, version: '1', papers: NO_PAPERS, web: root };
  await writeFile(join(root, 'index.html'), '');
  await assert.rejects(
    Dashboard.open({ ...options, host: '0.0.0.0' }),
    (error) => error instanceof UsageError && /token/.test(error.message),
  );
});

test('the token gives access by a header, or by its link and a cookie', async (t) => {
  const { dashboard } = await openDashboard(t, { token: TOKEN });
  const status = async (path: string, headers = {}) => (await ask(dashboard, path, { headers })).status;
  for (const path of ['/', '/app.js', '/api/meta', '/?token=wrong', `/api/meta?token=${TOKEN}`])
    assert.equal(await status(path), 401, path);
  assert.equal(await status('/api/meta', { Authorization: `Bearer ${TOKEN}` }), 200);
  assert.equal(await status('/api/meta', { Authorization: `Bearer ${TOKEN}x` }), 401);
  assert.equal(await status('/api/meta', { Authorization: `Bearer ${TOKEN.slice(0, -1)}` }), 401);

  const link = await ask(dashboard, `/?token=${TOKEN}`);
  assert.equal(link.status, 200);
  const [cookie, ...attributes] = link.headers['set-cookie']![0]!.split('; ');
  assert.deepEqual(attributes.sort(), ['HttpOnly', 'Path=/', 'SameSite=Strict']);
  assert.match(link.text, /http-equiv="refresh" content="0;url=\/"/);
  assert.equal(await status('/api/meta', { Cookie: `other=1; ${cookie}` }), 200);
  assert.equal(await status('/', { Cookie: cookie! }), 200);
  assert.equal(await status('/api/meta', { Cookie: `${cookie}x` }), 401);
  const [name] = cookie!.split('=');
  assert.equal(await status('/api/meta', { Cookie: `${name}=` }), 401);
});

test('without the token, no request reads, computes or changes anything', async (t) => {
  const { dashboard, root } = await openDashboard(t, { token: TOKEN, control: true });
  const run = await makeRun(root, 'run', {
    files: { 'process.json': '{"pid":1,"startTime":"0","status":"done"}' },
  });
  const before = (await readdir(run)).sort();
  const json = { 'X-Paperweight': '1', 'Content-Type': 'application/json' };
  const png = { 'X-Paperweight': '1', 'Content-Type': 'image/png' };
  const requests: [string, string, Record<string, string>?, string?][] = [
    ...['', '/series?keys=loss', '/events', '/events?after=0', '/log', '/insights', '/model'].map(
      (rest): [string, string] => ['GET', `/api/runs/run${rest}`],
    ),
    ...['/kernels', '/kernels/1', '/confusion'].map((rest): [string, string] => [
      'GET',
      `/api/runs/run${rest}`,
    ]),
    ...['/', '/app.js', '/api/meta', '/api/runs', '/api/events', '/api/papers', '/api/images/run/0'].map(
      (path): [string, string] => ['GET', path],
    ),
    ['PATCH', '/api/runs/run', json, '{"name":"x"}'],
    ['DELETE', '/api/runs/run', json],
    ['POST', '/api/undo/0123456789abcdef', json],
    ['POST', '/api/runs/run/control', json, '{"action":"stop"}'],
    ['POST', '/api/runs/run/predict', png, 'x'.repeat(1000)],
    ['POST', '/api/runs/run/features?layer=a', png, 'x'],
    ['OPTIONS', '/api/runs/run', json],
  ];
  const cookies: Record<string, string>[] = [
    {},
    { Cookie: `paperweight-${dashboard.port}=` },
    { Cookie: `paperweight-${dashboard.port + 1}=${TOKEN}` },
    { Cookie: `x-paperweight-${dashboard.port}=${TOKEN}` },
    { Authorization: `Basic ${TOKEN}` },
    { Authorization: `Bearer ${TOKEN.toUpperCase()}` },
  ];
  for (const cookie of cookies)
    for (const [method, path, headers = {}, body] of requests) {
      const answer = await ask(dashboard, path, {
        method,
        headers: { ...headers, ...cookie },
        ...(body === undefined ? {} : { body }),
      });
      assert.equal(answer.status, 401, `${method} ${path} ${JSON.stringify(cookie)}`);
      assert.doesNotMatch(answer.text, new RegExp(TOKEN));
    }
  assert.deepEqual((await readdir(run)).sort(), before);
  assert.deepEqual(await readdir(root), ['run']);
  const done = await ask(dashboard, '/api/runs/run', {
    method: 'DELETE',
    headers: { ...json, Authorization: `Bearer ${TOKEN}` },
  });
  assert.equal(done.status, 200, 'with it the same request is carried out');
});

test('a browser without the token gets a page that explains it; a program gets an error', async (t) => {
  const { dashboard } = await openDashboard(t, { token: TOKEN, control: true });
  const accept = { Accept: 'text/html,application/xhtml+xml' };
  for (const path of ['/', '/run/x', '/?token=wrong-one-of-some-length']) {
    const { status, headers, text } = await ask(dashboard, path, { headers: accept });
    assert.equal(status, 401, path);
    assert.match(headers['content-type'] ?? '', /^text\/html/);
    assert.match(text, /paperweight serve/);
    assert.match(text, /令牌/);
    assert.doesNotMatch(text, /wrong-one/);
  }
  assert.match((await ask(dashboard, '/api/runs', { headers: accept })).text, /^\{"error"/);
  const asked = await ask(dashboard, '/', { headers: { ...accept, Authorization: `Bearer ${TOKEN}` } });
  assert.equal(asked.status, 200);
});

test('no path leads outside the runs folder', async (t) => {
  const { dashboard, root } = await openDashboard(t);
  await makeRun(join(root, '..'), 'outside');
  await makeRun(root, '.hidden');
  await makeRun(root, 'run');
  await makeRun(root, 'deep/run');
  await symlink(join(root, '..', 'outside'), join(root, 'link'));
  const ids = [
    '..%2foutside',
    '..%2Foutside',
    '%2e%2e%2foutside',
    '..%5coutside',

    '.hidden',
    'deep%2frun',
    'run%00',
    'run%2f..%2f..%2foutside',
    encodeURIComponent(join(root, '..', 'outside')),
    'link',
    'constructor',
    'x'.repeat(300),
  ];
  for (const id of ids)
    for (const rest of ['', '/series', '/events', '/log', '/kernels', '/model', '/confusion']) {
      const { status } = await ask(dashboard, `/api/runs/${id}${rest}`);
      assert.ok(status === 404 || status === 400, `${id}${rest}: ${status}`);
    }
  for (const path of [
    '/../secret.txt',
    '/secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '//secret.txt',
    '/app.js/../secret.txt',
    '/%zz',
    '/api/%zz',
    '/api/papers/..%2f/figures/x.svg',
  ])
    assert.doesNotMatch((await ask(dashboard, path)).text, /not to be served/, path);
  assert.deepEqual(
    (await call(dashboard, 'GET /api/runs')).body.map(({ id }) => id),
    ['run'],
  );
});

test('links in a run that lead outside of it are not read', async (t) => {
  const { dashboard, root } = await openDashboard(t);
  const run = await makeRun(root, 'run');
  const secret = join(root, '..', 'secret.jsonl');
  await writeFile(secret, '{"event":"line","step":1,"text":"secret"}\n');
  await mkdir(join(root, '..', 'elsewhere'));
  await writeFile(join(root, '..', 'elsewhere', 'step-00000007.safetensors'), 'secret');
  await symlink(secret, join(run, 'log.jsonl'));
  const moved = await makeRun(root, 'moved');
  await import('node:fs/promises').then(({ rmdir }) => rmdir(join(moved, 'checkpoints')));
  await symlink(join(root, '..', 'elsewhere'), join(moved, 'checkpoints'));
  assert.deepEqual((await ask(dashboard, '/api/runs/run/log')).body, []);
  const detail = (await call(dashboard, 'GET /api/runs/:id', { params: { id: 'moved' } })).body;
  assert.deepEqual(detail.checkpoints, []);
});

test('a trash that is a link is refused', async (t) => {
  const { dashboard, root } = await openDashboard(t, { control: true });
  await makeRun(root, 'run', { files: { 'process.json': '{"pid":1,"startTime":"0","status":"done"}' } });
  await mkdir(join(root, '..', 'elsewhere'));
  await symlink(join(root, '..', 'elsewhere'), join(root, '.trash'));
  assert.equal((await send(dashboard, 'DELETE', '/api/runs/run')).status, 409);
  assert.deepEqual(await readdir(join(root, '..', 'elsewhere')), []);
  assert.ok((await readdir(root)).includes('run'));
});

test('request bodies are limited', async (t) => {
  const { dashboard, root } = await openDashboard(t, { control: true });
  await makeRun(root, 'run', {
    files: { 'state.json': '{"version":1,"latest":"step-00000001.safetensors"}' },
  });
  await writeFile(join(root, 'run', 'checkpoints', 'step-00000001.safetensors'), '');
  const json = { 'X-Paperweight': '1', 'Content-Type': 'application/json' };
  const png = { 'X-Paperweight': '1', 'Content-Type': 'image/png' };
  const name = 'x'.repeat(100_000);
  const patch = (body: string) => ask(dashboard, '/api/runs/run', { method: 'PATCH', headers: json, body });
  assert.equal((await patch(JSON.stringify({ name }))).status, 413);
  assert.equal((await patch('{"name":')).status, 400);
  assert.equal((await patch('{"name":""}')).status, 400);
  assert.equal((await patch('{"status":"done"}')).status, 400);
  assert.equal((await patch('[]')).status, 400);
  assert.equal((await patch('')).status, 400);
  const predict = (headers: Record<string, string>, body: Uint8Array) =>
    ask(dashboard, '/api/runs/run/predict', { method: 'POST', headers, body });
  assert.equal((await predict(png, Buffer.from('<svg/>'))).status, 415);
  assert.equal(
    (await predict({ ...png, 'Content-Type': 'image/svg+xml' }, Buffer.from('<svg/>'))).status,
    415,
  );
  const announced = { ...png, 'Content-Length': String(10 * 2 ** 20 + 1) };
  // The server answers before the body comes; this client sends none.
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(dashboard.port, '127.0.0.1');
    const lines = Object.entries({ Host: 'localhost', ...announced }).map(([k, v]) => `${k}: ${v}\r\n`);
    socket.write(`POST /api/runs/run/predict HTTP/1.1\r\n${lines.join('')}\r\n`);
    let text = '';
    socket.setEncoding('utf8').on('data', (piece) => (text += piece));
    socket.on('end', () => resolve(text)).on('error', reject);
  });
  assert.match(answer, /^HTTP\/1\.1 413 /);
  assert.doesNotMatch(await readFile(join(root, 'run', 'config.json'), 'utf8'), /xxx/);
});

test('a client that disconnects during its request does no harm', async (t) => {
  const { dashboard, root, errors } = await openDashboard(t, { control: true });
  await makeRun(root, 'run');
  const head = 'Host: localhost\r\nX-Paperweight: 1\r\nContent-Type: application/json\r\nContent-Length: 50';
  const socket = connect(dashboard.port, '127.0.0.1');
  socket.write(`PATCH /api/runs/run HTTP/1.1\r\n${head}\r\n\r\n{"name":`);
  await new Promise((resolve) => setTimeout(resolve, 200));
  socket.destroy();
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal((await ask(dashboard, '/api/meta')).status, 200);
  assert.deepEqual(errors, []);
});

test('malformed requests get an error, and the server continues', async (t) => {
  const { dashboard, root, errors } = await openDashboard(t);
  await makeRun(root, 'run');
  for (const [path, status] of [
    ['/api/runs/run/series?keys=loss,__proto__', 400],
    ['/api/runs/run/series?points=0', 400],
    ['/api/runs/run/series?points=1e3', 400],
    ['/api/runs/run/series?from=-1', 400],
    ['/api/runs/run/events?after=x', 400],
    ['/api/runs/run/kernels/1', 404],
    ['/api/runs/run/kernels/x', 400],
    ['/api/images/run/x', 400],
    ['/api/images/run/99999999', 422],
    ['/api/runs/run/confusion', 409],
    ['/api/papers/none', 404],
    ['/api/none', 404],
    ['/api/', 404],
  ] as const) {
    const answer = await ask(dashboard, path);
    assert.equal(answer.status, status, `${path}: ${answer.text}`);
    assert.ok((answer.body as { error: { what: string } }).error.what);
  }
  assert.equal(
    (await ask(dashboard, '/api/runs', { method: 'PUT', headers: { 'X-Paperweight': '1' } })).status,
    405,
  );
  assert.deepEqual(errors, []);
});

test('names that lead elsewhere are no names of runs: on Windows also devices, streams and dropped endings', () => {
  for (const name of ['', '.', '..', '.hidden', 'a/b', 'a\\b', 'a\0', 'a'.repeat(256)])
    for (const platform of ['linux', 'win32'] as const) assert.ok(!isSegment(name, platform), name);
  for (const name of ['nul', 'con.json', 'config.json::$DATA', 'C:', 'a.', 'a ']) {
    assert.ok(!isSegment(name, 'win32'), name);
    assert.ok(isSegment(name, 'linux'), name);
  }
  for (const platform of ['linux', 'win32'] as const) assert.ok(isSegment('2026-11-29 run (1)', platform));
});
