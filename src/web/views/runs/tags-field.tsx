import { useEffect, useRef } from 'preact/hooks';
import { useApp } from '../../app/context.js';
import { LONGEST_TAG, MOST_TAGS, tagsIn } from '../../lib/table/tags.js';

/** A field for tags, which says what is wrong with them before they are sent. */
export function TagsField({
  label,
  value,
  onChange,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
}) {
  const { t } = useApp();
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const tags = tagsIn(value);
    const problem = tags.some(({ length }) => length > LONGEST_TAG)
      ? t('edit.longTag', { n: LONGEST_TAG })
      : tags.length > MOST_TAGS
        ? t('edit.manyTags', { n: MOST_TAGS })
        : '';
    input.current?.setCustomValidity(problem);
  }, [value, t]);
  return (
    <label>
      {label}
      <input ref={input} value={value} onInput={(event) => onChange(event.currentTarget.value)} />
    </label>
  );
}
