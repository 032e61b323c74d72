import { useEffect, useRef } from 'preact/hooks';
import { plainText } from '../../../display/plain-text.js';
import { get } from '../../app/api.js';
import { useApp } from '../../app/context.js';
import { useLoad } from '../../app/use.js';
import type { LiveRun } from '../../app/use-run.js';
import { integer } from '../../lib/format.js';
import { kindOf } from '../../lib/log.js';
import { Loading, Missing, Problem } from '../../ui/problem.js';

/** The run's log. Scrolls with new lines unless the reader has scrolled up. */
export function RunLog({ id, run }: { id: string; run: LiveRun }) {
  const { t, language } = useApp();
  const { value, failure, loading } = useLoad(
    `${id} ${run.gaps}`,
    (signal) => get('GET /api/runs/:id/log', { params: { id } }, signal),
    { keep: true },
  );
  const box = useRef<HTMLOListElement>(null);
  const atEnd = useRef(true);
  // The answer may contain lines that the stream has sent too.
  const seen = value?.length ?? 0;
  const fresh = run.lines.filter(
    (line) => !value?.slice(-50).some((old) => old.step === line.step && old.text === line.text),
  );
  const lines = [...(value ?? []), ...fresh];
  useEffect(() => {
    const element = box.current;
    if (element && atEnd.current) element.scrollTop = element.scrollHeight;
  }, [seen, fresh.length]);
  // A program that logs itself need not write messages.
  if (run.detail?.kind && !failure && lines.length === 0) return null;
  return (
    <section class="block" aria-labelledby="log-title">
      <h2 id="log-title">{t('log.title')}</h2>
      {failure && <Problem failure={failure} />}
      {loading && !value && <Loading />}
      {value && lines.length === 0 && <Missing>{t(run.following ? 'log.empty' : 'log.none')}</Missing>}
      {lines.length > 0 && (
        <ol
          ref={box}
          class="log"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keys.
          tabIndex={0}
          aria-labelledby="log-title"
          onScroll={(event) => {
            const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
            atEnd.current = scrollHeight - scrollTop - clientHeight < 24;
          }}
        >
          {lines.map((line, i) => (
            <li key={i} class={kindOf(line)}>
              <span class="num">{integer(line.step, language)}</span>
              <span>{plainText(line.text)}</span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
