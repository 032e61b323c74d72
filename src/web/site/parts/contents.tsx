import { useApp } from '../../app/context.js';
import type { Heading } from '../lib/prose.js';

/** Links to the headings of the page. */
export function Contents({ headings }: { headings: readonly Heading[] }) {
  const { t } = useApp();
  if (headings.length === 0) return null;
  return (
    <nav class="contents" aria-label={t('paper.contents')}>
      <ul>
        {headings.map(({ id, text, deep }) => (
          <li key={id} class={deep ? 'deep' : ''}>
            <a href={`#${id}`}>{text}</a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
