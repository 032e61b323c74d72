import type { ApiFailure } from '../app/api.js';
import { useApp } from '../app/context.js';

/** Shows an error with the fields of the command line: what, expected, got, next. */
export function Problem({ failure, retry }: { failure: ApiFailure; retry?: () => void }) {
  const { t } = useApp();
  const { what, expected, got, next } = failure.detail;
  const unreachable = failure.status === 0;
  const rows = [
    [t('problem.expected'), expected],
    [t('problem.got'), got],
    [t('problem.next'), unreachable ? t('problem.restart') : next],
  ] as const;
  return (
    <div class="problem" role="alert">
      <p class="problem-what">{unreachable ? t('problem.unreachable') : what}</p>
      <dl>
        {rows.map(([name, value]) =>
          value === undefined ? null : (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ),
        )}
      </dl>
      {retry && (
        <button type="button" onClick={retry}>
          {t('problem.retry')}
        </button>
      )}
    </div>
  );
}

/** Explains why a part of a page is empty. */
export function Missing({ children }: { children: string }) {
  return <p class="missing">{children}</p>;
}

export function Loading() {
  const { t } = useApp();
  return (
    <p class="loading" role="status">
      {t('loading')}
    </p>
  );
}
