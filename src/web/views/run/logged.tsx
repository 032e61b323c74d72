import { useCallback, useState } from 'preact/hooks';
import type { LoggedHistogram, LoggedImage } from '../../../serve/api.js';
import { get } from '../../app/api.js';
import { useApp } from '../../app/context.js';
import { useEvery, useLoad } from '../../app/use.js';
import type { LiveRun } from '../../app/use-run.js';
import { addressOf } from '../../lib/address.js';
import { integer, significant } from '../../lib/format.js';
import { Histogram } from '../../ui/chart/histogram.js';

const AGAIN_MS = 3000;

/** Entries of a list by their name. */
function byName<T extends { readonly name: string }>(all: readonly T[]): [string, T[]][] {
  const groups = new Map<string, T[]>();
  for (const each of all) groups.set(each.name, [...(groups.get(each.name) ?? []), each]);
  return [...groups];
}

/** Distributions and images that a program logged, each with a choice of the step. */
export function LoggedViews({ id, run }: { id: string; run: LiveRun }) {
  const { t } = useApp();
  const [turn, setTurn] = useState(0);
  useEvery(
    AGAIN_MS,
    run.status === 'training',
    useCallback(() => setTurn((n) => n + 1), []),
  );
  const params = { id };
  const histograms = useLoad(
    `histograms ${id} ${turn}`,
    (signal) => get('GET /api/runs/:id/histograms', { params }, signal),
    { keep: true },
  );
  const images = useLoad(
    `images ${id} ${turn}`,
    (signal) => get('GET /api/runs/:id/images', { params }, signal),
    {
      keep: true,
    },
  );
  const named = byName(images.value ?? []);
  const distributions = byName(histograms.value ?? []);
  return (
    <>
      {named.length > 0 && (
        <section class="block" aria-labelledby="images-title">
          <h2 id="images-title">{t('logged.images')}</h2>
          <div class="logged">
            {named.map(([name, all]) => (
              <Stepped key={name} name={name} all={all}>
                {(image: LoggedImage) => (
                  <img
                    class="pixels"
                    src={addressOf('GET /api/runs/:id/images/:index', { params: { id, index: image.index } })}
                    alt={t('logged.image', { name, step: image.step })}
                  />
                )}
              </Stepped>
            ))}
          </div>
        </section>
      )}
      {distributions.length > 0 && (
        <section class="block" aria-labelledby="histograms-title">
          <h2 id="histograms-title">{t('logged.histograms')}</h2>
          <div class="logged">
            {distributions.map(([name, all]) => (
              <Stepped key={name} name={name} all={all}>
                {({ histogram, step }: LoggedHistogram) => (
                  <Histogram
                    histogram={histogram}
                    label={t('logged.histogram', {
                      name,
                      step,
                      min: significant(histogram.min),
                      max: significant(histogram.max),
                    })}
                  />
                )}
              </Stepped>
            ))}
          </div>
        </section>
      )}
    </>
  );
}

/** The entries of a name, one at a time; the last one until another is chosen. */
function Stepped<T extends { readonly step: number }>({
  name,
  all,
  children,
}: {
  name: string;
  all: readonly T[];
  children: (entry: T) => preact.JSX.Element;
}) {
  const { t, language } = useApp();
  const [place, setPlace] = useState<number>();
  const last = all.length - 1;
  const at = Math.min(place ?? last, last);
  const entry = all[at]!;
  return (
    <figure>
      <figcaption>
        <h3>{name}</h3>
      </figcaption>
      {children(entry)}
      {all.length > 1 ? (
        <label class="slider">
          <span>
            {t('kernels.step')} <output>{integer(entry.step, language)}</output>
          </span>
          <input
            type="range"
            min="0"
            max={last}
            value={at}
            aria-valuetext={t('chart.step', { n: integer(entry.step, language) })}
            onInput={(event) => setPlace(Number(event.currentTarget.value))}
          />
        </label>
      ) : (
        <p class="hint">{t('chart.step', { n: integer(entry.step, language) })}</p>
      )}
    </figure>
  );
}
