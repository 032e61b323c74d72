import type { RunStatus } from '../../serve/api.js';
import { useApp } from '../app/context.js';

/** Each status has its own shape, so that it does not rely on colour. */
const SHAPES: Record<RunStatus, string> = {
  training: 'M3.5 2v8l6.5-4z',
  paused: 'M3 2h2v8H3zM7 2h2v8H7z',
  done: 'M2 6.2 4.8 9 10 3.2',
  interrupted: 'M6 1.5 10.5 6 6 10.5 1.5 6z',
  failed: 'M2.5 2.5l7 7M9.5 2.5l-7 7',
};

export function Status({ status }: { status: RunStatus }) {
  const { t } = useApp();
  return (
    <span class={`status status-${status}`}>
      <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
        <path d={SHAPES[status]} />
      </svg>
      {t(`status.${status}`)}
    </span>
  );
}
