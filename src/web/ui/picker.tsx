import { useRef, useState } from 'preact/hooks';
import { useApp } from '../app/context.js';
import { addressOf } from '../lib/address.js';
import { FileImage } from './file-image.js';
import { Icon } from './icon.js';

/** The selected image: one of the test set, or a file of the user's own. */
export type Image = { readonly index: number } | { readonly file: File };

/** Random choice is limited to this many test images; every data set has at least as many. Numbers may be larger. */
const ANY_OF = 2000;
const LARGEST_FILE = 20 * 2 ** 20;

export const imageUrl = (run: string, index: number): string =>
  addressOf('GET /api/images/:run/:index', { params: { run, index } });

/** Selects an image: from a row of test images, by number, at random, or from a dropped or chosen file. */
export function Picker({
  run,
  image,
  onChange,
}: {
  run: string;
  image: Image;
  onChange: (image: Image) => void;
}) {
  const { t } = useApp();
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const [complaint, setComplaint] = useState('');
  const index = 'index' in image ? image.index : undefined;
  const first = index === undefined ? 0 : Math.floor(index / 8) * 8;
  const take = (file: File | undefined) => {
    if (!file) return;
    const problem = !/^image\/(jpeg|png|webp)$/.test(file.type)
      ? t('picker.kind', { got: file.type || file.name })
      : file.size > LARGEST_FILE
        ? t('picker.size')
        : '';
    setComplaint(problem);
    if (problem === '') onChange({ file });
  };
  const choose = (next: number) => {
    setComplaint('');
    onChange({ index: Math.max(0, Math.round(next) || 0) });
  };
  return (
    <section
      class={`picker${over ? ' over' : ''}`}
      aria-label={t('picker.title')}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        take(event.dataTransfer?.files[0]);
      }}
    >
      <div class="picker-chosen">
        {'file' in image ? (
          <FileImage file={image.file} label={image.file.name} />
        ) : (
          <img
            class="chosen-image"
            src={imageUrl(run, image.index)}
            alt={t('picker.test', { n: image.index })}
            width="112"
            height="112"
          />
        )}
      </div>
      <div class="picker-choices">
        <ul class="strip">
          {Array.from({ length: 8 }, (_, i) => first + i).map((n) => (
            <li key={n}>
              <button
                type="button"
                class="thumb"
                aria-pressed={n === index}
                aria-label={t('picker.test', { n })}
                onClick={() => choose(n)}
              >
                <img src={imageUrl(run, n)} alt="" width="40" height="40" loading="lazy" />
              </button>
            </li>
          ))}
        </ul>
      </div>
      <div class="picker-row">
        <label>
          {t('picker.number')}
          <input
            type="number"
            min="0"
            value={index ?? ''}
            onChange={(event) => choose(Number(event.currentTarget.value))}
          />
        </label>
        <button type="button" onClick={() => choose(Math.floor(Math.random() * ANY_OF))}>
          <Icon name="dice" /> {t('picker.random')}
        </button>
        <button type="button" onClick={() => input.current?.click()}>
          <Icon name="upload" /> {t('picker.file')}
        </button>
        <input
          ref={input}
          class="visually-hidden"
          type="file"
          tabIndex={-1}
          accept="image/jpeg,image/png,image/webp"
          aria-label={t('picker.file')}
          onChange={(event) => {
            take(event.currentTarget.files?.[0]);
            event.currentTarget.value = '';
          }}
        />
      </div>
      <p class="hint">{t('picker.drop')}</p>
      {complaint && (
        <p class="complaint" role="alert">
          {complaint}
        </p>
      )}
    </section>
  );
}
