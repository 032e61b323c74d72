import { accessSync, constants } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** A Chromium of this machine: `CHROME_PATH`, or one by its usual names in the PATH. */
function findChromium(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env.CHROME_PATH) return env.CHROME_PATH;
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const folders = (env.PATH ?? '').split(path.delimiter);
  return folders.flatMap((folder) => names.map((name) => path.join(folder, name))).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export const CHROMIUM = findChromium();
/** Reason for a skip, or false. */
export const NO_BROWSER = CHROMIUM ? false : 'no Chromium in the PATH; name one in CHROME_PATH';

/** @param options.webgpu with WebGPU, on Chromium's software adapter */
export const launch = (options: { readonly webgpu?: boolean } = {}): Promise<Browser> =>
  chromium.launch({
    executablePath: CHROMIUM!,
    args: [
      '--headless',
      '--no-sandbox',
      options.webgpu ? '--enable-unsafe-webgpu' : '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });

/** A page that records forbidden behaviour. */
export interface Watched {
  readonly page: Page;
  /** Errors of scripts, violations of the content security policy, and requests to other servers. */
  readonly complaints: string[];
  readonly close: () => Promise<void>;
}

/** @param expected console messages that are expected, such as an answer with an error status */
export async function open(
  browser: Browser,
  base: string,
  hash: string,
  options: BrowserContextOptions = {},
  expected: RegExp = /(?!)/,
): Promise<Watched> {
  const context = await browser.newContext({ locale: 'en-US', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(120_000);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !expected.test(message.text())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(`${error.message} ${error.stack ?? ''}`));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(base) && !url.startsWith('data:') && !url.startsWith('blob:'))
      complaints.push(`request to ${url}`);
  });
  await page.goto(`${base}/${hash}`);
  await page.locator('h1').first().waitFor();
  return { page, complaints, close: () => context.close() };
}

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** Serious and critical findings of axe. Evaluated through the debugger, which the page's policy does not restrict. */
export async function axe(page: Page): Promise<string[]> {
  if (!(await page.evaluate(`'axe' in globalThis`))) {
    const { readFile } = await import('node:fs/promises');
    await page.evaluate(`${await readFile(AXE, 'utf8')};0`);
  }
  const found = await page.evaluate<
    { id: string; impact: string; nodes: { target: string[]; failureSummary: string }[] }[]
  >(
    `axe.run(document, { resultTypes: ['violations'] }).then((result) => result.violations.map(({ id, impact, nodes }) =>
      ({ id, impact, nodes: nodes.slice(0, 4).map(({ target, failureSummary }) => ({ target, failureSummary })) })))`,
  );
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(
      ({ id, impact, nodes }) =>
        `${impact} ${id}: ${nodes.map((n) => `${n.target.join(' ')} ${n.failureSummary}`).join(' | ')}`,
    );
}

/** How far the page is wider than its window, in pixels. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
