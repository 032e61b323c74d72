import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { ApiFailure } from '../app/api.js';
import { useApp } from '../app/context.js';
import { failureOf } from '../app/use.js';
import { Dialog } from './dialog.js';
import { Problem } from './problem.js';

/**
 * A dialog with fields that are saved together. It closes when they are, and otherwise shows why they could not be.
 *
 * @param onSave saves the fields; it may throw what `send` throws
 */
export function FormDialog({
  title,
  onSave,
  onClose,
  children,
}: {
  title: string;
  onSave: () => Promise<void>;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const { t, announce } = useApp();
  const [failure, setFailure] = useState<ApiFailure>();
  const save = async () => {
    try {
      await onSave();
      announce(t('edit.saved'));
      onClose();
    } catch (error) {
      setFailure(failureOf(error));
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        {children}
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
