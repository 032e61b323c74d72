/** The part of a service worker's scope that is used here. */
interface Lifetime extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Fetching extends Event {
  readonly request: globalThis.Request;
  respondWith(response: Promise<Response>): void;
}
interface Scope {
  skipWaiting(): Promise<void>;
  readonly clients: { claim(): Promise<void> };
  addEventListener(kind: 'install' | 'activate', listener: (event: Lifetime) => void): void;
  addEventListener(kind: 'fetch', listener: (event: Fetching) => void): void;
}
const scope = self as unknown as Scope;

/*
 * Keeps the page's files, so that it works offline once loaded. Files come from the server while it
 * answers, otherwise from the cache.
 */

const PREFIX = 'paperweight-browser-';

async function fill(): Promise<void> {
  const response = await fetch('files.json', { cache: 'no-store' });
  const { version, files } = (await response.json()) as { version: string; files: string[] };
  const cache = await caches.open(PREFIX + version);
  await cache.addAll(['./', ...files]);
  for (const name of await caches.keys())
    if (name.startsWith(PREFIX) && name !== PREFIX + version) await caches.delete(name);
}

scope.addEventListener('install', (event) => {
  void scope.skipWaiting();
  event.waitUntil(fill());
});
scope.addEventListener('activate', (event) => event.waitUntil(scope.clients.claim()));
scope.addEventListener('fetch', (event) => {
  if (event.request.method !== 'GET') return;
  event.respondWith(
    fetch(event.request).catch(async (error: unknown) => {
      const kept = await caches.match(event.request, { ignoreSearch: true });
      if (kept) return kept;
      throw error;
    }),
  );
});

export {};
