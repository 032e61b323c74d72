import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';
import {
  type DownloadOptions,
  type DownloadProgress,
  downloadFile,
} from '../../src/data/download/download.js';
import { RateMeter } from '../../src/data/download/rate.js';
import { DataError, UsageError } from '../../src/errors/errors.js';
import { serve, temporaryFolder } from './support.js';

const body = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7 + (i >> 8)) % 256));
const md5 = createHash('md5').update(body).digest('hex');
const fast = { backoffMs: 1 };

/** Status, headers and body of the answer to a Range header. */
function ranged(range: string | undefined): {
  status: number;
  from: number;
  headers: Record<string, string>;
} {
  const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
  const headers: Record<string, string> = { 'content-length': String(body.length - from) };
  if (!range) return { status: 200, from: 0, headers };
  if (from >= body.length)
    return { status: 416, from, headers: { 'content-range': `bytes */${body.length}` } };
  headers['content-range'] = `bytes ${from}-${body.length - 1}/${body.length}`;
  return { status: 206, from, headers };
}

test('downloads, verifies and reports progress; a correct file is not downloaded again', async (t) => {
  let requests = 0;
  const url = await serve(t, (_, response) => {
    requests++;
    response.writeHead(200, { 'content-length': body.length }).end(body);
  });
  const to = path.join(await temporaryFolder(t), 'file');
  const seen: DownloadProgress[] = [];
  assert.deepEqual(await downloadFile({ url, to, md5, onProgress: (p) => seen.push(p) }), { fetched: true });
  assert.deepEqual(await readFile(to), body);
  assert.ok(!existsSync(`${to}.part`));
  const last = seen.at(-1)!;
  assert.deepEqual([last.received, last.total], [body.length, body.length]);
  assert.ok(last.bytesPerSecond > 0);
  for (let i = 1; i < seen.length; i++) assert.ok(seen[i]!.received >= seen[i - 1]!.received);
  assert.deepEqual(await downloadFile({ url, to, md5 }), { fetched: false });
  assert.equal(requests, 1);
});

test('resumes where a dropped connection stopped', async (t) => {
  const ranges: (string | undefined)[] = [];
  const url = await serve(t, (request, response) => {
    ranges.push(request.headers.range);
    const { status, from, headers } = ranged(request.headers.range);
    response.writeHead(status, { ...headers, etag: '"v1"' });
    if (ranges.length < 3) response.write(body.subarray(from, from + 100_000), () => response.destroy());
    else response.end(body.subarray(from));
  });
  const to = path.join(await temporaryFolder(t), 'file');
  await downloadFile({ url, to, md5, ...fast });
  assert.deepEqual(await readFile(to), body);
  assert.equal(ranges.length, 3);
  assert.equal(ranges[0], undefined);
  assert.match(ranges[1]!, /^bytes=[1-9]\d*-$/);
  assert.match(ranges[2]!, /^bytes=[1-9]\d*-$/);
});

test('a file that changed on the server while the connection was down starts again', async (t) => {
  const old = Buffer.alloc(body.length, 1);
  let requests = 0;
  const url = await serve(t, (request, response) => {
    if (requests++ === 0) {
      response.writeHead(200, { 'content-length': old.length, etag: '"old"' });
      response.write(old.subarray(0, 100_000), () => response.destroy());
      return;
    }
    assert.equal(request.headers['if-range'], '"old"');
    response.writeHead(200, { 'content-length': body.length, etag: '"new"' }).end(body);
  });
  const to = path.join(await temporaryFolder(t), 'file');
  await downloadFile({ url, to, ...fast });
  assert.deepEqual(await readFile(to), body);
});

test('if the server ignores Range the download restarts from zero', async (t) => {
  let requests = 0;
  const url = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': body.length });
    if (requests++ === 0) response.write(body.subarray(0, 100_000), () => response.destroy());
    else response.end(body);
  });
  const to = path.join(await temporaryFolder(t), 'file');
  await downloadFile({ url, to, md5, ...fast });
  assert.deepEqual(await readFile(to), body);
  assert.equal(requests, 2);
});

test('a server that ignores Range and always drops the connection is an error in the end', async (t) => {
  let requests = 0;
  const url = await serve(t, (_, response) => {
    requests++;
    response.writeHead(200, { 'content-length': body.length });
    response.write(body.subarray(0, 1000), () => response.destroy());
  });
  const to = path.join(await temporaryFolder(t), 'file');
  await assert.rejects(downloadFile({ url, to, md5, retries: 2, ...fast }), (error: Error) => {
    assert.ok(error instanceof DataError);
    assert.match(error.message, /failed repeatedly.*3 attempts.*put the file at/);
    return true;
  });
  // The first attempt may receive nothing and a later one 1000 bytes, which counts as progress once.
  assert.ok(requests >= 3 && requests <= 6, `${requests} requests`);
});

test('an old partial file is resumed if incomplete, used if complete, restarted if of another file', async (t) => {
  const ranges: (string | undefined)[] = [];
  const url = await serve(t, (request, response) => {
    ranges.push(request.headers.range);
    const { status, from, headers } = ranged(request.headers.range);
    response.writeHead(status, headers).end(status === 416 ? undefined : body.subarray(from));
  });
  const folder = await temporaryFolder(t);
  const cases: [part: Buffer, withMd5: boolean, ranges: (string | undefined)[]][] = [
    [body.subarray(0, 1000), true, ['bytes=1000-']],
    [body, true, ['bytes=300000-']],
    [Buffer.alloc(500), true, ['bytes=500-', undefined]],
    [Buffer.alloc(400_000), true, ['bytes=400000-', undefined]],
    [body.subarray(0, 1000), false, [undefined]],
  ];
  for (const [i, [part, withMd5, expected]] of cases.entries()) {
    const to = path.join(folder, `file${i}`);
    await writeFile(`${to}.part`, part);
    ranges.length = 0;
    await downloadFile({ url, to, md5: withMd5 ? md5 : undefined, ...fast });
    assert.deepEqual(await readFile(to), body, `case ${i}`);
    assert.deepEqual(ranges, expected, `case ${i}`);
  }
});

test('a wrong MD5 deletes the file and names both', async (t) => {
  let requests = 0;
  const url = await serve(t, (_, response) => {
    requests++;
    response.end(body);
  });
  const to = path.join(await temporaryFolder(t), 'file');
  const wrong = '0'.repeat(32);
  await assert.rejects(downloadFile({ url, to, md5: wrong, ...fast }), (error: Error) => {
    assert.ok(error instanceof DataError);
    assert.match(error.message, new RegExp(`Expected MD5 ${wrong}; got MD5 ${md5}`));
    return true;
  });
  assert.ok(!existsSync(to) && !existsSync(`${to}.part`));
  assert.equal(requests, 1);
});

test('404 is an error at once; 503 is retried', async (t) => {
  let requests = 0;
  const url = await serve(t, (request, response) => {
    requests++;
    if (request.url === '/missing') response.writeHead(404).end('no');
    else if (requests === 1) response.writeHead(503).end('busy');
    else response.end(body);
  });
  const to = path.join(await temporaryFolder(t), 'file');
  await downloadFile({ url, to, md5, ...fast });
  assert.equal(requests, 2);
  requests = 0;
  const missing = downloadFile({ url: `${url}/missing`, to: `${to}2`, ...fast });
  await assert.rejects(
    missing,
    (error: Error) => error instanceof DataError && /HTTP 404/.test(error.message),
  );
  assert.equal(requests, 1);
  assert.ok(!existsSync(`${to}2.part`));
});

test('a compressed transfer is refused', async (t) => {
  const url = await serve(t, (request, response) => {
    assert.equal(request.headers['accept-encoding'], 'identity');
    response.writeHead(200, { 'content-encoding': 'gzip' }).end();
  });
  const to = path.join(await temporaryFolder(t), 'file');
  await assert.rejects(downloadFile({ url, to, ...fast }), /content-encoding gzip/);
});

test('without network the error says so', async (t) => {
  const to = path.join(await temporaryFolder(t), 'file');
  const url = 'http://127.0.0.1:2/x';
  await assert.rejects(downloadFile({ url, to, retries: 1, ...fast }), (error: Error) => {
    assert.ok(error instanceof DataError);
    assert.match(error.message, /no connection|failed repeatedly/);
    assert.match(error.message, /2 attempts/);
    return true;
  });
});

test('a silent connection counts as dropped', async (t) => {
  let requests = 0;
  const url = await serve(t, (request, response) => {
    const { status, from, headers } = ranged(request.headers.range);
    response.writeHead(status, headers);
    if (requests++ === 0) response.write(body.subarray(0, 5000));
    else response.end(body.subarray(from));
  });
  const to = path.join(await temporaryFolder(t), 'file');
  await downloadFile({ url, to, md5, idleMs: 100, ...fast });
  assert.deepEqual(await readFile(to), body);
  assert.equal(requests, 2);
});

test('an abort keeps the partial file, and the next call resumes', async (t) => {
  const ranges: (string | undefined)[] = [];
  const url = await serve(t, (request, response) => {
    ranges.push(request.headers.range);
    const { status, from, headers } = ranged(request.headers.range);
    response.writeHead(status, headers);
    if (ranges.length === 1) response.write(body.subarray(0, 50_000));
    else response.end(body.subarray(from));
  });
  const to = path.join(await temporaryFolder(t), 'file');
  const controller = new AbortController();
  const onProgress = () => controller.abort();
  await assert.rejects(downloadFile({ url, to, md5, signal: controller.signal, onProgress }), {
    name: 'AbortError',
  });
  assert.ok(!existsSync(to));
  await downloadFile({ url, to, md5 });
  assert.match(ranges[1]!, /^bytes=[1-9]\d*-$/);
  assert.deepEqual(await readFile(to), body);
});

test('a full disk is named in the error', {
  skip: process.platform !== 'linux' && 'needs /dev/full',
}, async (t) => {
  const url = await serve(t, (_, response) => response.end(body));
  const to = path.join(await temporaryFolder(t), 'file');
  await symlink('/dev/full', `${to}.part`);
  await assert.rejects(downloadFile({ url, to, md5, ...fast }), (error: Error) => {
    assert.ok(error instanceof DataError);
    assert.match(error.message, /full disk \(ENOSPC\).*free some space/);
    return true;
  });
});

test('a folder that does not exist and addresses that are not valid', async (t) => {
  const url = await serve(t, (_, response) => response.end(body));
  const to = path.join(await temporaryFolder(t), 'no', 'file');
  await assert.rejects(downloadFile({ url, to, ...fast }), /ENOENT/);
  await assert.rejects(downloadFile({ url: 'not a url', to }), UsageError);
  await assert.rejects(downloadFile({ url: 'file:///etc/hosts', to }), UsageError);
});

test('the rate is the average of the last seconds', () => {
  const meter = new RateMeter(5000);
  meter.restart(1000, 0);
  assert.equal(meter.rate(1000, 0), 0);
  assert.equal(meter.rate(3000, 1000), 2000);
  for (let s = 2; s <= 20; s++) meter.rate(3000 + (s - 1) * 100, s * 1000);
  assert.equal(meter.rate(3000 + 20 * 100, 21_000), 100);
});

test('a name, a password and a query are sent to the server, and shown nowhere', async (t) => {
  const seen: (string | undefined)[] = [];
  const url = await serve(t, (request, response) => {
    seen.push(request.headers.authorization, request.url);
    const { pathname } = new URL(request.url!, url);
    if (pathname === '/missing') response.writeHead(404).end();
    else if (pathname === '/loop') response.writeHead(302, { location: request.url }).end();
    else if (pathname === '/busy') response.writeHead(503).end();
    else response.end(body);
  });
  const secret = url.replace('//', '//mary:s%40cret@');
  const query = '?X-Amz-Signature=mary&cret';
  const folder = await temporaryFolder(t);
  const to = path.join(folder, 'file');
  await downloadFile({ url: `${secret}/file${query}`, to, md5, ...fast });
  assert.deepEqual(seen, [`Basic ${Buffer.from('mary:s@cret').toString('base64')}`, `/file${query}`]);
  const failing: Partial<DownloadOptions>[] = [
    { url: `${secret}/missing${query}` },
    { url: `${secret}/loop${query}` },
    { url: `${secret}/busy${query}`, retries: 1 },
    { url: `${secret}/file${query}`, md5: '0'.repeat(32) },
    { url: `${secret}/file${query}`, maxBytes: 100 },
    { url: `ftp://mary:s%40cret@localhost/file${query}` },
  ];
  for (const options of failing)
    await assert.rejects(
      downloadFile({ url, to: path.join(folder, 'other'), ...fast, ...options }),
      (error: Error) => {
        assert.match(error.message, /\/\/\S+\?X-Amz-Signature=\*\*\*&\*\*\*/);
        assert.doesNotMatch(`${error.stack} ${String(error.cause)}`, /mary|cret/);
        return true;
      },
    );
});

test('a redirect that cannot be followed is an error at once', async (t) => {
  let requests = 0;
  const url = await serve(t, (request, response) => {
    if (!request.url!.startsWith('/again')) requests++;
    const location = request.url === '/file' ? 'file:///etc/hostname' : '/again';
    response.writeHead(302, { location }).end();
  });
  for (const [name, expected] of [
    ['file', /HTTP\(S\) scheme/],
    ['loop', /redirect count exceeded/],
  ] as const) {
    requests = 0;
    const to = path.join(await temporaryFolder(t), 'file');
    await assert.rejects(downloadFile({ url: `${url}/${name}`, to, ...fast }), (error: Error) => {
      assert.ok(error instanceof DataError);
      assert.match(error.message, expected);
      return true;
    });
    assert.equal(requests, 1, name);
  }
});

test('a file above the largest size is refused, by its length or as soon as it has sent more', async (t) => {
  const url = await serve(t, (request, response) => {
    if (request.url === '/length') response.writeHead(200, { 'content-length': body.length });
    // Without a length and without an end.
    const more = (): void => {
      if (!response.destroyed) response.write(body, () => setImmediate(more));
    };
    more();
  });
  for (const name of ['length', 'endless']) {
    const to = path.join(await temporaryFolder(t), 'file');
    await assert.rejects(
      downloadFile({ url: `${url}/${name}`, to, maxBytes: body.length - 1, ...fast }),
      /is too large.*at most 299,999 bytes/,
    );
    assert.ok(!existsSync(to) && !existsSync(`${to}.part`));
  }
});
