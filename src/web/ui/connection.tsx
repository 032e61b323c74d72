import { useApp } from '../app/context.js';
import type { Connection as State } from '../app/events.js';

/** Shows that the data may be outdated; otherwise "Live" or nothing. */
export function Connection({ state, following = true }: { state: State; following?: boolean }) {
  const { t } = useApp();
  return (
    <p class={`connection ${state}`} role="status">
      {state === 'waiting' ? (
        t('connection.lost')
      ) : following && state === 'open' ? (
        <span class="live">{t('connection.live')}</span>
      ) : (
        ''
      )}
    </p>
  );
}
