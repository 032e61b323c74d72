import type { Working } from '../../serve/api.js';
import { useApp } from '../app/context.js';
import { integer } from '../lib/format.js';

/** Work that the server is at. A screen reader is told once what it is, and not each step of it. */
export function WorkingLine({ working, text }: { working: Working | undefined; text: string }) {
  const { language } = useApp();
  const known = working !== undefined && working.total > 0;
  return (
    <div class="working" role="status">
      <progress {...(known ? { value: working.done, max: working.total } : {})} aria-label={text} />
      <span>
        {text}
        {known && (
          <span class="num" aria-hidden="true">
            {' '}
            {integer(working.done, language)} / {integer(working.total, language)}
          </span>
        )}
      </span>
    </div>
  );
}
