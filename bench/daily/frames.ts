import { readFileSync } from 'node:fs';
import type { CDPSession, Page } from 'playwright-core';

export interface Frames {
  readonly fps: number;
  readonly worstMs: number;
  readonly p95Ms: number;
  /** Processor time of the page's thread for each frame: it does not depend on what else the machine does. */
  readonly processorMsPerFrame: number;
}

/** How smoothly a page is drawn during an action. */
export async function framesOf(page: Page, act: () => Promise<void>): Promise<Frames> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  await page.evaluate(`(() => {
    window.gaps = []; window.counting = true;
    let before = performance.now();
    const count = (now) => { window.gaps.push(now - before); before = now; if (window.counting) requestAnimationFrame(count); };
    requestAnimationFrame(count);
  })()`);
  const before = await taskSeconds(session);
  await act();
  const after = await taskSeconds(session);
  const gaps = await page.evaluate<number[]>('(window.counting = false, window.gaps.slice(1))');
  await session.detach();
  const sorted = gaps.toSorted((a, b) => a - b);
  return {
    fps: Math.round((1000 * gaps.length) / gaps.reduce((a, b) => a + b, 0)),
    worstMs: Math.round(sorted.at(-1) ?? 0),
    p95Ms: Math.round(sorted[Math.floor(sorted.length * 0.95)] ?? 0),
    processorMsPerFrame: Number(((1000 * (after - before)) / gaps.length).toFixed(2)),
  };
}

/** Seconds that the page's thread has worked. */
async function taskSeconds(session: CDPSession): Promise<number> {
  const { metrics } = await session.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN;
}

/** Processor time of a page's thread during an action, in milliseconds. */
export async function processorMs(page: Page, act: () => Promise<void>): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const before = await taskSeconds(session);
  await act();
  const used = (await taskSeconds(session)) - before;
  await session.detach();
  return Math.round(1000 * used);
}

/** Memory of a page after collecting garbage: its heap, and its process as a whole. */
export async function memoryOf(page: Page): Promise<{ heapMiB: number; tabMiB: number }> {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  const { processInfo } = await (await page.context().browser()!.newBrowserCDPSession()).send(
    'SystemInfo.getProcessInfo',
  );
  const tabs = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => residentMiB(id));
  return { heapMiB: Math.round(usedSize / 2 ** 20), tabMiB: Math.max(...tabs) };
}

/** Resident memory of a process; 0 without /proc. */
function residentMiB(pid: number): number {
  try {
    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024);
  } catch {
    return 0;
  }
}
