import { useState } from 'preact/hooks';
import type { RunChange, RunSummary } from '../../../serve/api.js';
import { type ApiFailure, send } from '../../app/api.js';
import { useApp } from '../../app/context.js';
import { failureOf } from '../../app/use.js';
import { Dialog } from '../../ui/dialog.js';
import { Problem } from '../../ui/problem.js';

/** Name and tags of a run. */
export function RunEditor({
  run,
  onClose,
  onChange,
}: {
  run: RunSummary;
  onClose: () => void;
  onChange: (run: RunSummary) => void;
}) {
  const { t, announce } = useApp();
  const [name, setName] = useState(run.name);
  const [tags, setTags] = useState(run.tags.join(', '));
  const [failure, setFailure] = useState<ApiFailure>();
  const save = async () => {
    const change: RunChange = {
      name: name.trim(),
      tags: [
        ...new Set(
          tags
            .split(/[,，]/)
            .map((tag) => tag.trim())
            .filter(Boolean),
        ),
      ],
    };
    try {
      onChange(await send('PATCH /api/runs/:id', { params: { id: run.id }, body: change }));
      announce(t('edit.saved'));
      onClose();
    } catch (error) {
      setFailure(failureOf(error));
    }
  };
  return (
    <Dialog title={t('edit.title')} onClose={onClose}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <label>
          {t('edit.name')}
          <input
            value={name}
            required
            maxLength={120}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <label>
          {t('edit.tags')}
          <input value={tags} onInput={(event) => setTags(event.currentTarget.value)} />
        </label>
        <p class="hint">{t('edit.hint', { id: run.id })}</p>
        {failure && <Problem failure={failure} />}
        <div class="buttons">
          <button type="submit" class="primary">
            {t('edit.save')}
          </button>
          <button type="button" onClick={onClose}>
            {t('cancel')}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
