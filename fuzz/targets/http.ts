import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { answerer, makeRouter } from '../../src/serve/http/answer.js';
import { Guard } from '../../src/serve/http/guard.js';
import { RequestError } from '../../src/serve/http/request-error.js';
import { StaticFiles } from '../../src/serve/http/static-files.js';
import { Runs } from '../../src/serve/runs/runs.js';
import { RunsFeed } from '../../src/serve/runs/runs-feed.js';
import { Trash } from '../../src/serve/runs/trash.js';
import { must, type Target } from '../target.js';
import { CONFIG } from './json.js';

const decoder = new TextDecoder('latin1');
const SECRET = 'what lies outside of the runs folder';
const [TOKEN, HOST] = ['t0k3n', 'localhost:1'];

/** Creates a run folder as `train` does, without images or weights. */
function makeRun(root: string, id: string): void {
  const folder = join(root, id);
  mkdirSync(join(folder, 'checkpoints'), { recursive: true });
  mkdirSync(join(folder, 'kernels'), { recursive: true });
  writeFileSync(join(folder, 'config.json'), JSON.stringify(CONFIG));
  writeFileSync(join(folder, 'state.json'), '{"version":1,"latest":"step-00000001.safetensors"}');
  writeFileSync(join(folder, 'checkpoints', 'step-00000001.safetensors'), '');
  const line = '{"event":"step","epoch":1,"step":1,"loss":2,"lr":0.01,"imagesPerSecond":1,"stepSeconds":1,';
  writeFileSync(join(folder, 'metrics.jsonl'), `${line}"dataSeconds":0,"rssMiB":9}\n{"event":"done"}\n`);
  writeFileSync(join(folder, 'log.jsonl'), '{"event":"note","step":1,"text":"a"}\n');
}

function open() {
  const base = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'paperweight-fuzz-'));
  const root = join(realpathSync(base), 'runs');
  const web = join(base, 'web');
  mkdirSync(web);
  writeFileSync(join(base, 'secret'), SECRET);
  writeFileSync(join(web, 'index.html'), '<!doctype html>');
  writeFileSync(join(web, 'app.js'), 'x');
  for (const id of ['a', 'b']) makeRun(root, id);
  const runs = new Runs(root);
  const inference = {
    ask: () => Promise.reject(new RequestError(503, { what: 'Nothing computes here' })),
  };
  const page = { id: 'p', title: 'P', notes: { en: '', zh: '' }, claims: [], figures: [] };
  const papers = {
    list: async () => [{ id: 'p', title: 'P' }],
    page: async () => page,
    figures: async () => [],
    figure: () => '',
  };
  const router = makeRouter({
    runs,
    feed: new RunsFeed(runs),
    trash: new Trash(root),
    inference,
    papers,
    version: '0',
    control: true,
  });
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const answerTo = (token?: string) => {
    const guard = new Guard({ host: 'localhost', token });
    guard.port = 1;
    return answerer({ guard, router, files: new StaticFiles(web), onError });
  };
  return { base, root, runs, errors, answer: answerTo(), answerWithToken: answerTo(TOKEN) };
}

/** Parses a request: request line, headers, an empty line, body. @returns undefined if it is not valid HTTP */
function requestOf(text: string): IncomingMessage | undefined {
  const end = text.indexOf('\n\n');
  const [first = '', ...headers] = text.slice(0, end < 0 ? undefined : end).split('\n');
  const [, method, url] = /^([A-Z]{1,10}) ([!-~]+)$/.exec(first) ?? [];
  if (!method || !url) return undefined;
  const request = new IncomingMessage(new Socket());
  request.method = method;
  request.url = url;
  for (const header of headers) {
    const [, name, value] = /^([\w-]+): ([ -~\u0080-\u00ff]*)$/.exec(header) ?? [];
    if (!name || value === undefined) return undefined;
    request.headers[name.toLowerCase()] = value;
  }
  if (end >= 0) request.push(Buffer.from(text.slice(end + 2), 'latin1'));
  request.push(null);
  request.complete = true;
  return request;
}

let served: ReturnType<typeof open> | undefined;

const headers = (more: Readonly<Record<string, string>> = {}): string =>
  Object.entries({ Host: HOST, 'X-Paperweight': '1', ...more })
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n');
const JSON_TYPE = { 'Content-Type': 'application/json' };
const REQUESTS = [
  ...['/', '/app.js', '/runs/a', '/api/meta', '/api/runs', '/api/runs/a', '/api/runs/a/log', '/api/events'],
  ...['/api/runs/a/events?after=1-0123abcd', '/api/runs/a/insights?points=3&histograms=all', '/api/papers/p'],
  ...['/api/runs/a/series?keys=loss,lr&from=0&to=9&points=3', '/api/runs/a/kernels/1', '/api/runs/a/model'],
  ...['/api/runs/a/confusion', '/api/images/a/3', '/api/runs/a/features?layer=x&index=1', '/?token=t0k3n'],
].map((url) => `GET ${url}\n${headers()}\n\n`);
const CHANGES = [
  `PATCH /api/runs/a\n${headers(JSON_TYPE)}\n\n{"name":"x","tags":["y"]}`,
  `POST /api/runs/a/control\n${headers(JSON_TYPE)}\n\n{"action":"pause"}`,
  `POST /api/runs/a/predict?index=3\n${headers()}\n\n`,
  `POST /api/runs/a/predict\n${headers({ 'Content-Type': 'image/png' })}\n\n\u0089PNG\r\n\u001a\nxxxx`,
  `DELETE /api/runs/b\n${headers()}\n\n`,
  `POST /api/undo/0123456789abcdef\n${headers()}\n\n`,
  `GET /api/runs\n${headers({ Authorization: `Bearer ${TOKEN}`, Cookie: `paperweight-1=${TOKEN}` })}\n\n`,
  `GET /api/runs\n${headers({ Origin: 'http://localhost:1', 'Sec-Fetch-Site': 'same-origin' })}\n\n`,
];

/** Requests to the dashboard. HTTP itself is parsed by Node and not fuzzed. */
export const httpTarget: Target = {
  name: 'http',
  format: 'bytes',
  most: 2048,
  seeds: () => [...REQUESTS, ...CHANGES].map((text) => Uint8Array.from(Buffer.from(text, 'latin1'))),
  words: [
    ...[
      '/..',
      '%2e%2e',
      '%00',
      '%',
      '/a',
      '/b',
      '//',
      '?',
      '&',
      '=',
      'from=',
      'to=',
      'points=',
      'keys=',
      'after=',
    ],
    ...['PATCH', 'DELETE', 'POST', 'HEAD', '\n\n', 'Content-Length: 9999999\n', 'Last-Event-Id: 5\n', TOKEN],
    ...[
      '{"action":"stop"}',
      '"name"',
      '"tags":[]',
      'null',
      '{"name":{"length":{"toString":1}}}',
      '/secret',
      'Host: ',
    ],
  ],
  async run(input) {
    const request = requestOf(decoder.decode(input));
    if (!request) return 'no request';
    served ??= open();
    const { errors, root, answer, answerWithToken } = served;
    const response = new ServerResponse(request);
    let sent = '';
    const socket = new Writable({
      write(piece: Buffer, _encoding, done) {
        if (sent.length < 2 ** 16) sent += piece.toString('latin1');
        done();
      },
    });
    response.assignSocket(socket as Socket);
    // Every other request goes to a server that requires a token.
    await (input.length % 2 === 0 ? answer : answerWithToken)(request, response);
    const { statusCode } = response;
    if (!response.writableFinished) await new Promise((resolve) => setImmediate(resolve));
    response.destroy();
    socket.destroy();
    for (const id of ['a', 'b']) if (!existsSync(join(root, id, 'config.json'))) makeRun(root, id);
    const [error] = errors.splice(0);
    if (error !== undefined) throw error;
    must(statusCode < 500 || statusCode === 503, `status ${statusCode}`);
    must(!sent.includes(SECRET), 'a file from outside of the runs folder was sent');
    if (statusCode >= 400) {
      const body = sent.slice(sent.indexOf('\r\n\r\n') + 4);
      must(request.method === 'HEAD' || JSON.parse(body).error.what.length > 0, 'an error without a message');
    }
    must(/content-security-policy/i.test(sent) || sent === '', 'a response without security headers');
    return `${request.method} ${statusCode}`;
  },
  close() {
    served?.runs.close();
    if (served) rmSync(served.base, { recursive: true, force: true });
  },
};
