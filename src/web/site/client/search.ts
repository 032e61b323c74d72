import type { Found } from '../lib/found.js';

/** Maximum number of results shown. */
const MOST = 40;
/** Characters of text around the first word. */
const AROUND = 80;

/** The index, once its script has run. */
const index = (): readonly Found[] | undefined =>
  (globalThis as { paperweightFound?: readonly Found[] }).paperweightFound;

/** Loads the index as a script: pages on disk may not fetch files. */
function load(source: string): Promise<readonly Found[]> {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = source;
    script.onload = () => resolve(index() ?? []);
    script.onerror = () => reject(new Error(`cannot load ${source}`));
    document.head.append(script);
  });
}

const wordsOf = (query: string): string[] => query.toLowerCase().split(/\s+/).filter(Boolean);

/** Parts with all words, those with the words in their titles first. */
export function search(parts: readonly Found[], query: string): Found[] {
  const words = wordsOf(query);
  if (words.length === 0) return [];
  return parts
    .map((part) => {
      const [title, text] = [part.title.toLowerCase(), part.text.toLowerCase()];
      const all = words.every((word) => title.includes(word) || text.includes(word));
      return { part, score: all ? 1 + 3 * words.filter((word) => title.includes(word)).length : 0 };
    })
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .map(({ part }) => part);
}

function excerpt({ text }: Found, query: string): (string | HTMLElement)[] {
  const [word = ''] = wordsOf(query);
  const at = text.toLowerCase().indexOf(word);
  if (at < 0) return [text.slice(0, 2 * AROUND)];
  const mark = document.createElement('mark');
  mark.textContent = text.slice(at, at + word.length);
  const before = text.slice(Math.max(0, at - AROUND), at);
  const after = text.slice(at + word.length, at + word.length + AROUND);
  return [`${at > AROUND ? '…' : ''}${before}`, mark, `${after}…`];
}

/** The search page. */
export function startSearch(): void {
  const form = document.querySelector<HTMLFormElement>('[data-search]');
  const input = form?.querySelector('input');
  const list = document.querySelector<HTMLElement>('[data-search-found]');
  const count = document.querySelector<HTMLElement>('[data-search-count]');
  if (!form || !input || !list || !count) return;
  form.hidden = false;
  const root = form.dataset.root ?? '';
  const loading = load(form.dataset.search ?? '');
  const show = async (): Promise<void> => {
    const parts = await loading;
    const query = input.value.trim();
    const found = search(parts, query);
    count.textContent =
      query === ''
        ? ''
        : found.length === 0
          ? (count.dataset.none ?? '')
          : (count.dataset.found ?? '').replace('{n}', String(found.length));
    list.replaceChildren(
      ...found.slice(0, MOST).map((part) => {
        const [item, link, text] = [
          document.createElement('li'),
          document.createElement('a'),
          document.createElement('p'),
        ];
        link.href = root + part.path;
        link.textContent = part.title;
        text.append(...excerpt(part, query));
        item.append(link, text);
        return item;
      }),
    );
  };
  form.addEventListener('submit', (event) => event.preventDefault());
  input.addEventListener('input', () => void show());
  input.value = new URLSearchParams(location.search).get('q') ?? '';
  if (input.value !== '') void show();
  input.focus();
}
