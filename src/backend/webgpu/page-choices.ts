import type { ChoiceStore } from './trials.js';

/** The part of a page's Cache API that is used here. */
interface PageCache {
  match(address: string): Promise<{ json(): Promise<unknown> } | undefined>;
  put(address: string, content: Response): Promise<void>;
}
interface PageCaches {
  open(name: string): Promise<PageCache>;
}

/**
 * Choices of kernels that a page's browser keeps for this origin, so that the page computes the same bits each time.
 * Undefined where nothing can be kept, such as in a page from disk.
 *
 * @param adapter name of the GPU
 */
export async function pageChoices(adapter: string): Promise<ChoiceStore | undefined> {
  try {
    const { caches } = globalThis as { caches?: PageCaches };
    const cache = await caches?.open('paperweight');
    if (!cache) return undefined;
    const address = `/paperweight-kernels?gpu=${encodeURIComponent(adapter)}`;
    const found = (await (await cache.match(address))?.json()) ?? {};
    const known = new Map(Object.entries(found).map(([key, name]): [string, string] => [key, `${name}`]));
    const save = (): void => {
      const content = new Response(JSON.stringify(Object.fromEntries(known)));
      // Without room for it, the next page chooses again.
      cache.put(address, content).catch(() => {});
    };
    return { get: (key) => known.get(key), set: (key, name) => void known.set(key, name), save };
  } catch {
    return undefined;
  }
}
