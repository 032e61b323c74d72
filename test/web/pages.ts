import { after, before, beforeEach } from 'node:test';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { launch, open, type Watched } from './browser.js';
import { type Fixture, startFixture } from './fixture.js';

/** A browser and a server with fixed runs, for the tests of a suite. */
export interface Pages {
  readonly fixture: Fixture;
  /** Opens an address of the dashboard; see `open` of browser.ts. */
  open(hash: string, options?: BrowserContextOptions, expected?: RegExp): Promise<Watched>;
}

/**
 * @param each start a new server before each test, for tests that change its runs
 * @param control whether the pages can change runs
 */
export function pages({ each = false, control = true } = {}): Pages {
  let browser: Browser | undefined;
  let fixture: Fixture | undefined;
  before(async () => {
    browser = await launch();
    if (!each) fixture = await startFixture({ control });
  });
  if (each)
    beforeEach(async () => {
      await fixture?.close();
      fixture = await startFixture({ control });
    });
  after(async () => {
    await browser?.close();
    await fixture?.close();
  });
  return {
    get fixture() {
      return fixture!;
    },
    open: (hash, options, expected) => open(browser!, fixture!.url, hash, options, expected),
  };
}
