import { useState } from 'preact/hooks';
import { SERIES_COLOURS } from '../../../display/series-colours.js';
import type { RunChange, RunSummary } from '../../../serve/api.js';
import { send } from '../../app/api.js';
import { useApp } from '../../app/context.js';
import { tagsIn } from '../../lib/table/tags.js';
import { FormDialog } from '../../ui/form-dialog.js';
import { TagsField } from './tags-field.js';

/** Name, tags, note and colour of a run. */
export function RunEditor({
  run,
  onClose,
  onChange,
}: {
  run: RunSummary;
  onClose: () => void;
  onChange: (run: RunSummary) => void;
}) {
  const { t } = useApp();
  const [name, setName] = useState(run.name);
  const [tags, setTags] = useState(run.tags.join(', '));
  const [note, setNote] = useState(run.note ?? '');
  const [color, setColor] = useState(run.color ?? 0);
  const save = async () => {
    const change: RunChange = {
      name: name.trim(),
      tags: tagsIn(tags),
      note: note.trim(),
      color,
    };
    onChange(await send('PATCH /api/runs/:id', { params: { id: run.id }, body: change }));
  };
  return (
    <FormDialog title={t('edit.title')} onSave={save} onClose={onClose}>
      <label>
        {t('edit.name')}
        <input
          value={name}
          required
          maxLength={120}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <TagsField label={t('edit.tags')} value={tags} onChange={setTags} />
      <label>
        {t('edit.note')}
        <textarea
          rows={3}
          maxLength={4000}
          value={note}
          onInput={(event) => setNote(event.currentTarget.value)}
        />
      </label>
      <fieldset class="choices">
        <legend>{t('edit.color')}</legend>
        {Array.from({ length: SERIES_COLOURS + 1 }, (_, n) => (
          <label key={n} class="check">
            <input type="radio" name="color" checked={color === n} onChange={() => setColor(n)} />
            {n === 0 ? (
              t('edit.noColor')
            ) : (
              <>
                <span class="swatch" style={{ background: `var(--run-${n})` }} aria-hidden="true" />
                <span class="visually-hidden">{t('edit.colorNumber', { n })}</span>
              </>
            )}
          </label>
        ))}
      </fieldset>
      <p class="hint">{t('edit.hint', { id: run.id })}</p>
    </FormDialog>
  );
}
