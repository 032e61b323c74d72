import { useState } from 'preact/hooks';
import type { ControlRequest, RunStatus } from '../../../serve/api.js';
import { send } from '../../app/api.js';
import { useApp } from '../../app/context.js';
import { failureOf } from '../../app/use.js';
import { Dialog } from '../../ui/dialog.js';
import { Icon } from '../../ui/icon.js';

/** Pause, resume and stop, if the server allows them and a training process exists. */
export function RunControl({
  id,
  status,
  onStatus,
}: {
  id: string;
  status: RunStatus;
  onStatus: (status: RunStatus) => void;
}) {
  const { t, meta, announce, showToast } = useApp();
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  if (!meta?.control || (status !== 'training' && status !== 'paused')) return null;
  const act = async (action: ControlRequest['action']) => {
    setBusy(true);
    try {
      await send('POST /api/runs/:id/control', { params: { id }, body: { action } });
      announce(t(`control.${action}.sent`));
      if (action === 'pause') onStatus('paused');
      if (action === 'resume') onStatus('training');
      if (action === 'stop') showToast({ text: t('control.stop.sent') });
    } catch (error) {
      showToast({ text: failureOf(error).message });
    }
    setBusy(false);
  };
  return (
    <div class="control">
      {status === 'training' ? (
        <button type="button" disabled={busy} onClick={() => void act('pause')}>
          <Icon name="pause" /> {t('control.pause')}
        </button>
      ) : (
        <button type="button" class="primary" disabled={busy} onClick={() => void act('resume')}>
          <Icon name="play" /> {t('control.resume')}
        </button>
      )}
      <button type="button" disabled={busy} onClick={() => setAsking(true)}>
        <Icon name="stop" /> {t('control.stop')}
      </button>
      {asking && (
        <Dialog title={t('control.ask')} onClose={() => setAsking(false)}>
          <p>{t('control.askText')}</p>
          <div class="buttons">
            <button
              type="button"
              class="primary"
              onClick={() => {
                setAsking(false);
                void act('stop');
              }}
            >
              {t('control.stop')}
            </button>
            <button type="button" onClick={() => setAsking(false)}>
              {t('control.keep')}
            </button>
          </div>
        </Dialog>
      )}
    </div>
  );
}
