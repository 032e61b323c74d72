import { useState } from 'preact/hooks';
import type { RunSummary } from '../../../serve/api.js';
import { send } from '../../app/api.js';
import { useApp } from '../../app/context.js';
import { tagsIn } from '../../lib/table/tags.js';
import { FormDialog } from '../../ui/form-dialog.js';
import { TagsField } from './tags-field.js';

/** Adds tags to several runs and removes others. */
export function BulkTags({
  runs,
  onClose,
  onChange,
}: {
  runs: readonly RunSummary[];
  onClose: () => void;
  onChange: (run: RunSummary) => void;
}) {
  const { t } = useApp();
  const [add, setAdd] = useState('');
  const [remove, setRemove] = useState<ReadonlySet<string>>(new Set());
  const present = [...new Set(runs.flatMap(({ tags }) => tags))].sort();
  const save = async () => {
    for (const run of runs) {
      const tags = [...new Set([...run.tags.filter((tag) => !remove.has(tag)), ...tagsIn(add)])];
      if (tags.join('\n') !== run.tags.join('\n'))
        onChange(await send('PATCH /api/runs/:id', { params: { id: run.id }, body: { tags } }));
    }
  };
  return (
    <FormDialog title={t('bulk.tagTitle', { n: runs.length })} onSave={save} onClose={onClose}>
      <TagsField label={t('bulk.add')} value={add} onChange={setAdd} />
      {present.length > 0 && (
        <fieldset class="choices">
          <legend>{t('bulk.remove')}</legend>
          {present.map((tag) => (
            <label key={tag} class="check">
              <input
                type="checkbox"
                checked={remove.has(tag)}
                onChange={() => {
                  const next = new Set(remove);
                  if (!next.delete(tag)) next.add(tag);
                  setRemove(next);
                }}
              />
              {tag}
            </label>
          ))}
        </fieldset>
      )}
    </FormDialog>
  );
}
