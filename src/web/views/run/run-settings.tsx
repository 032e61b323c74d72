import { useMemo, useState } from 'preact/hooks';
import type { RunOrigin } from '../../../serve/api.js';
import { get } from '../../app/api.js';
import { useApp } from '../../app/context.js';
import { useLoad } from '../../app/use.js';
import type { LiveRun } from '../../app/use-run.js';
import { isOfSamples } from '../../lib/classifier-epoch.js';
import { flatten } from '../../lib/diff.js';
import { integer } from '../../lib/format.js';
import { CopyButton } from '../../ui/copy-button.js';
import { Problem } from '../../ui/problem.js';
import { Scroll } from '../../ui/scroll.js';

/** Settings shown elsewhere, or without a meaning for the reader. */
const HIDDEN = /^(version|machine\.command)$/;

/** All settings of a run, how it differs from its preset, and the command that starts it again. */
export function RunSettings({ run }: { run: LiveRun }) {
  const { t } = useApp();
  const detail = run.detail!;
  const [open, setOpen] = useState(detail.kind !== undefined);
  const origin = useLoad(`origin ${detail.id}`, (signal) =>
    get('GET /api/runs/:id/origin', { params: { id: detail.id } }, signal),
  );
  const rows = useMemo(() => rowsOf(detail.config, origin.value), [detail.config, origin.value]);
  const changed = rows.filter(({ preset }) => preset !== undefined);
  const shown = open
    ? rows
    : rows.filter(({ preset, path }) => preset !== undefined || /^machine\./.test(path));
  const { command, recorded, beyond = [] } = origin.value ?? {};
  return (
    <section class="block" aria-labelledby="settings-title">
      <div class="block-head">
        <h2 id="settings-title">{t('config.title')}</h2>
        <label class="check">
          <input type="checkbox" checked={open} onChange={(event) => setOpen(event.currentTarget.checked)} />
          {t('settings.all', { n: rows.length })}
        </label>
      </div>
      {origin.failure && <Problem failure={origin.failure} />}
      {command !== undefined && (
        <div class="command">
          <pre
            // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keys.
            tabIndex={0}
          >
            <code>{command}</code>
          </pre>
          <CopyButton
            text={() => command}
            label={t('settings.copy')}
            done={t('settings.copied')}
            failed={t('settings.notCopied')}
          />
        </div>
      )}
      {command !== undefined && !recorded && <p class="hint">{t('settings.derived')}</p>}
      {beyond.length > 0 && <p class="hint">{t('settings.beyond', { names: beyond.join(t('comma')) })}</p>}
      {origin.value && !detail.kind && (
        <p class="hint">
          {origin.value.preset
            ? t('settings.changed', { n: changed.length, recipe: detail.recipe })
            : t('settings.noPreset', { recipe: detail.recipe })}
        </p>
      )}
      <Scroll label={t('config.title')}>
        <table class="config">
          <thead>
            <tr>
              <th scope="col">{t('config.setting')}</th>
              <th scope="col">{t('settings.value')}</th>
              {!detail.kind && <th scope="col">{t('settings.preset')}</th>}
            </tr>
          </thead>
          <tbody>
            {shown.map(({ path, value, preset }) => (
              <tr key={path} class={preset === undefined ? '' : 'differs'}>
                <th scope="row">
                  <code>{path}</code>
                  {preset !== undefined && <span class="visually-hidden"> {t('config.differs')}</span>}
                </th>
                <td>{value}</td>
                {!detail.kind && <td>{preset ?? ''}</td>}
              </tr>
            ))}
            {origin.value?.data && <DataRows data={origin.value.data} samples={isOfSamples(detail)} />}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}

function DataRows({ data, samples }: { data: NonNullable<RunOrigin['data']>; samples: boolean }) {
  const { t, language } = useApp();
  return (
    <>
      {(['train', 'test'] as const).map((part) => (
        <tr key={part}>
          <th scope="row">
            <code>data.{part}</code>
          </th>
          <td>
            {t(samples ? 'settings.samples' : 'settings.images', { n: integer(data[part].images, language) })}
            {data[part].fingerprint && <span class="under">{data[part].fingerprint}</span>}
          </td>
          <td />
        </tr>
      ))}
    </>
  );
}

interface Row {
  readonly path: string;
  readonly value: string;
  /** The preset's value, if it is another. */
  readonly preset?: string;
}

/** Choices that no preset makes. */
const FREE = /^(machine|dataset|data|seed|recipe|model\.(paper|preset|classes|images))(\.|$)/;

function rowsOf(config: Readonly<Record<string, unknown>>, origin: RunOrigin | undefined): Row[] {
  const preset = origin?.preset && flatten(origin.preset);
  const own = flatten(config);
  const rows = [...own].map(([path, value]): Row => {
    const before = preset?.get(path);
    const differs = preset !== undefined && !FREE.test(path) && before !== value;
    return { path, value, ...(differs ? { preset: before ?? '–' } : {}) };
  });
  const missing = [...(preset ?? [])].filter(([path]) => !own.has(path) && !FREE.test(path));
  return [
    ...rows.filter(({ path }) => !HIDDEN.test(path)),
    ...missing.map(([path, before]): Row => ({ path, value: '–', preset: before })),
  ];
}
