import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { pageChoices } from '../../../src/backend/webgpu/page-choices.js';

const place = globalThis as { caches?: unknown };

/** The Cache API of a page, in memory. */
function standIn(put: (address: string, content: Response) => Promise<void>, stored: Map<string, string>) {
  place.caches = {
    open: async () => ({
      match: async (address: string) => (stored.has(address) ? new Response(stored.get(address)) : undefined),
      put,
    }),
  };
}

describe('choices of kernels in a page', () => {
  afterEach(() => {
    delete place.caches;
  });

  it('are kept for each GPU', async () => {
    const stored = new Map<string, string>();
    standIn(async (address, content) => void stored.set(address, await content.text()), stored);
    const first = (await pageChoices('nvidia ampere'))!;
    assert.equal(first.get('product 3'), undefined);
    first.set('product 3', 'product, 64×64');
    first.save();
    await new Promise((done) => setTimeout(done, 10));
    assert.equal((await pageChoices('nvidia ampere'))!.get('product 3'), 'product, 64×64');
    assert.equal((await pageChoices('apple metal-3'))!.get('product 3'), undefined);
  });

  it('are not made where nothing can be kept, and a failure to keep them is not an error', async () => {
    assert.equal(await pageChoices('a GPU'), undefined);
    place.caches = { open: () => Promise.reject(new Error('a page from disk')) };
    assert.equal(await pageChoices('a GPU'), undefined);
    const stored = new Map([['/paperweight-kernels?gpu=a%20GPU', 'no JSON']]);
    standIn(() => Promise.reject(new Error('no room')), stored);
    assert.equal(await pageChoices('a GPU'), undefined);
    stored.clear();
    (await pageChoices('a GPU'))!.save();
    await new Promise((done) => setTimeout(done, 10));
  });
});
