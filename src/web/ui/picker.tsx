import { useRef, useState } from 'preact/hooks';
import { useApp } from '../app/context.js';
import { addressOf } from '../lib/address.js';
import { FileImage } from './file-image.js';
import { Icon } from './icon.js';

/** The selected image: one of the test set, or a file of the user's own. */
export type Image = { readonly index: number } | { readonly file: File };

/** Test images beside each other. */
const STRIP = 8;
/** The server's limit. */
const LARGEST_FILE = 10 * 2 ** 20;
/** Formats that browsers have no type for. */
const MORE_NAMES = '.ppm,.pgm,.pbm,.pnm,.dib,.jfif';

/** Whether a file may be an image by the type that the browser gives it; the server looks at its first bytes. */
const mayBeImage = (type: string): boolean => type === '' || /^image\/(?!svg)/.test(type);

export const imageUrl = (run: string, index: number): string =>
  addressOf('GET /api/images/:run/:index', { params: { run, index } });

/** Selects an image: from a row of test images, by number, at random, or from a dropped or chosen file. */
export function Picker({
  run,
  tests,
  image,
  onChange,
}: {
  run: string;
  /** Number of test images; undefined if unknown. */
  tests: number | undefined;
  image: Image;
  onChange: (image: Image) => void;
}) {
  const { t } = useApp();
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const [complaint, setComplaint] = useState('');
  const index = 'index' in image ? image.index : undefined;
  const first = index === undefined ? 0 : Math.floor(index / STRIP) * STRIP;
  const shown = Math.max(0, Math.min(STRIP, (tests ?? Number.POSITIVE_INFINITY) - first));
  const take = (file: File | undefined) => {
    if (!file) return;
    const problem = !mayBeImage(file.type)
      ? t('picker.kind', { got: file.type })
      : file.size > LARGEST_FILE
        ? t('picker.size')
        : '';
    setComplaint(problem);
    if (problem === '') onChange({ file });
  };
  const choose = (next: number) => {
    setComplaint('');
    const last = tests === undefined ? Number.POSITIVE_INFINITY : tests - 1;
    onChange({ index: Math.max(0, Math.min(last, Math.round(next) || 0)) });
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
          {Array.from({ length: shown }, (_, i) => first + i).map((n) => (
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
            max={tests === undefined ? undefined : tests - 1}
            value={index ?? ''}
            onChange={(event) => choose(Number(event.currentTarget.value))}
          />
        </label>
        <button type="button" onClick={() => choose(Math.floor(Math.random() * (tests ?? first + STRIP)))}>
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
          accept={`image/*,${MORE_NAMES}`}
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
