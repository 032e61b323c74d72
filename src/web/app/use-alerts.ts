import { useCallback, useState } from 'preact/hooks';
import type { RunAlert } from '../../serve/api.js';
import { runHref } from '../lib/route.js';
import { useApp } from './context.js';
import { useEvents } from './events.js';
import { go } from './router.js';
import { recall, remember } from './storage.js';

const KEY = 'alerts';
/** Without https, other machines' pages have none. */
const able = (): boolean => 'Notification' in globalThis;

/** Notifications of the browser when a run ends, fails, stalls or diverges; also while the page is hidden. */
export function useAlerts(): { readonly on: boolean; readonly toggle: () => void } {
  const { t, showToast } = useApp();
  const [on, setOn] = useState(() => able() && Notification.permission === 'granted' && recall(KEY) === 'on');
  const tell = (alert: RunAlert) => {
    const text = t(`alert.${alert.kind}`, { name: alert.name, step: alert.step });
    showToast({ text, action: { label: t('alert.open'), run: () => go(runHref(alert.id)) } });
    try {
      const note = new Notification(text, { body: alert.error ?? '', tag: `${alert.id} ${alert.kind}` });
      note.onclick = () => {
        focus();
        go(runHref(alert.id));
      };
    } catch {
      // Browsers of phones show notifications of service workers only; the page itself has told it.
    }
  };
  useEvents(
    'GET /api/events',
    on ? {} : undefined,
    ['alert'],
    (event) => event.event === 'alert' && tell(event),
    undefined,
    { hidden: true },
  );
  const toggle = useCallback(async () => {
    if (on) {
      remember(KEY, 'off');
      return setOn(false);
    }
    const allowed = able() ? await Notification.requestPermission() : 'denied';
    if (allowed !== 'granted') return showToast({ text: t('alert.denied') });
    remember(KEY, 'on');
    setOn(true);
    showToast({ text: t('alert.on') });
  }, [on, t, showToast]);
  return { on, toggle: () => void toggle() };
}
