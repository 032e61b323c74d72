import type { Working } from '../../serve/api.js';
import { useApp } from '../app/context.js';
import { integer } from '../lib/format.js';

/** Progress of a computation on the server. Screen readers announce its start, not every update. */
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
