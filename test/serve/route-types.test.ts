import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunDetail, RunSummary } from '../../src/serve/api.js';
import { type EventStream, EventsAnswer, eventOf } from '../../src/serve/http/event-stream.js';
import { FileAnswer } from '../../src/serve/http/file-answer.js';
import type { Handlers } from '../../src/serve/http/router.js';
import type { Route } from '../../src/serve/route-table.js';
import { addressOf, methodOf } from '../../src/web/lib/address.js';
import type { call, Listener } from './support.js';

/*
 * Most of this file is a test by being compiled: after each `@ts-expect-error` follows a mistake that the route table
 * must reject; compilation fails if it does not. Nothing here runs.
 */
declare const summaries: RunSummary[];
declare const detail: RunDetail;

export function handlers(): readonly unknown[] {
  const on = <R extends Route>(handler: Handlers<R>) => handler;
  return [
    on<'GET /api/runs'>({ 'GET /api/runs': async () => summaries }),
    // @ts-expect-error an answer of another route
    on<'GET /api/runs'>({ 'GET /api/runs': async () => detail }),
    // @ts-expect-error an answer without a field
    on<'DELETE /api/runs/:id'>({ 'DELETE /api/runs/:id': async () => ({}) }),
    // @ts-expect-error no answer
    on<'GET /api/meta'>({ 'GET /api/meta': async () => undefined }),
    // @ts-expect-error no handler
    on<'GET /api/runs' | 'GET /api/meta'>({ 'GET /api/runs': async () => summaries }),
    // @ts-expect-error no such route
    on<'GET /api/runs'>({ 'GET /api/runs': async () => summaries, 'GET /api/run': async () => summaries }),
    on<'GET /api/runs/:id'>({
      // @ts-expect-error no such parameter
      'GET /api/runs/:id': async ({ params }) => ({ ...detail, id: params.run }),
    }),
    on<'GET /api/runs/:id/series'>({
      // @ts-expect-error no such query
      'GET /api/runs/:id/series': async ({ query }) => ({ step: [], values: {}, total: query.text('total') }),
    }),
    on<'GET /api/events'>({
      'GET /api/events': async () =>
        new EventsAnswer(async (client) => client.send(eventOf({ event: 'gone', id: 'a' }))),
    }),
    // @ts-expect-error JSON instead of a stream
    on<'GET /api/events'>({ 'GET /api/events': async () => summaries }),
    on<'GET /api/events'>({
      'GET /api/events': async () =>
        // @ts-expect-error an event of another stream
        new EventsAnswer(async (client) => client.send(eventOf({ event: 'reset', step: 1 }))),
    }),
    on<'GET /api/events'>({
      // @ts-expect-error a client of another stream
      'GET /api/events': async () => new EventsAnswer(async (_: EventStream<{ event: 'step' }>) => {}),
    }),
    on<'GET /api/images/:run/:index'>({
      'GET /api/images/:run/:index': async () => new FileAnswer('image/png', new Uint8Array(), 'no-store'),
    }),
    on<'GET /api/images/:run/:index'>({
      // @ts-expect-error another media type
      'GET /api/images/:run/:index': async () => new FileAnswer('text/html', new Uint8Array(), 'no-store'),
    }),
  ];
}

export async function requests(
  ask: typeof call,
  listener: typeof Listener,
  server: { port: number },
): Promise<readonly unknown[]> {
  const params = { id: 'a' };
  const { body } = await ask(server, 'GET /api/runs');
  return [
    body[0]?.status === 'training',
    // @ts-expect-error no such field in the answer
    body[0]?.state,
    // @ts-expect-error no such path
    ask(server, 'GET /api/run'),
    // @ts-expect-error no such method here
    ask(server, 'PATCH /api/runs'),
    // @ts-expect-error a stream is not asked for JSON
    ask(server, 'GET /api/events'),
    // @ts-expect-error a parameter is missing
    ask(server, 'GET /api/runs/:id'),
    // @ts-expect-error a parameter is misspelt
    ask(server, 'GET /api/runs/:id', { params: { run: 'a' } }),
    // @ts-expect-error a parameter too many
    ask(server, 'GET /api/runs', { params }),
    // @ts-expect-error no such query
    ask(server, 'GET /api/runs/:id/series', { params, query: { key: ['loss'] } }),
    // @ts-expect-error no such series
    ask(server, 'GET /api/runs/:id/series', { params, query: { keys: ['losses'] } }),
    // @ts-expect-error the layer is missing
    ask(server, 'POST /api/runs/:id/features', { params, query: { index: 1 } }),
    // @ts-expect-error neither a test image nor a file
    ask(server, 'POST /api/runs/:id/predict', { params }),
    // @ts-expect-error the body is missing
    ask(server, 'POST /api/runs/:id/control', { params }),
    // @ts-expect-error no such action
    ask(server, 'POST /api/runs/:id/control', { params, body: { action: 'rm' } }),
    new listener(server, 'GET /api/runs/:id/events', { params }).of('reset')[0]?.data.step,
    // @ts-expect-error no such event in this stream
    new listener(server, 'GET /api/runs/:id/events', { params }).of('gone'),
    // @ts-expect-error JSON is not listened to
    new listener(server, 'GET /api/runs', {}),
  ];
}

test('the address of a request is built from its route, with all parts escaped', () => {
  assert.equal(addressOf('GET /api/runs'), '/api/runs');
  assert.equal(addressOf('GET /api/runs/:id/log', { params: { id: '../a b' } }), '/api/runs/..%2Fa%20b/log');
  const params = { id: 'a' };
  assert.equal(
    addressOf('GET /api/runs/:id/series', { params, query: { keys: ['loss', 'lr'], from: 0 } }),
    '/api/runs/a/series?keys=loss,lr&from=0',
  );
  assert.equal(
    addressOf('POST /api/runs/:id/features', { params, query: { layer: 'a&b=1', index: 7 } }),
    '/api/runs/a/features?layer=a%26b%3D1&index=7',
  );
  assert.equal(methodOf('PATCH /api/runs/:id'), 'PATCH');
});
