import { useMemo, useState } from 'preact/hooks';
import type { Samples } from '../../../serve/api.js';
import { get } from '../../app/api.js';
import { useApp } from '../../app/context.js';
import { useLoad } from '../../app/use.js';
import type { LiveRun } from '../../app/use-run.js';
import { fromBase64 } from '../../lib/bytes.js';
import { integer } from '../../lib/format.js';
import { mosaic } from '../../lib/mosaic.js';
import { MosaicImage } from '../../ui/mosaic.js';
import { Problem } from '../../ui/problem.js';
import { StepSlider } from '../../ui/step-slider.js';

/** Images from a generative model, at the steps at which they were stored; nothing for other models. */
export function SamplesView({ id, run }: { id: string; run: LiveRun }) {
  const { t } = useApp();
  const [place, setPlace] = useState<number>();
  const steps = useLoad(
    `samples ${id} ${run.epochs.length} ${run.detail?.kind ? run.detail.step : ''}`,
    (signal) => get('GET /api/runs/:id/samples', { params: { id } }, signal),
    { keep: true },
  );
  const kept = steps.value ?? [];
  const last = kept.length - 1;
  const position = Math.min(place ?? last, last);
  const step = kept[position];
  const images = useLoad(
    step === undefined ? undefined : `samples ${id} at ${step}`,
    (signal) => get('GET /api/runs/:id/samples/:step', { params: { id, step: step! } }, signal),
    { keep: true },
  );
  if (step === undefined) return null;
  return (
    <section class="block" aria-labelledby="samples-title">
      <h2 id="samples-title">{t(run.detail?.kind ? 'logged.images' : 'samples.title')}</h2>
      {!run.detail?.kind && <p class="why">{t('samples.why')}</p>}
      {kept.length > 1 && <StepSlider steps={kept} place={position} onPlace={setPlace} />}
      {images.failure && <Problem failure={images.failure} retry={images.reload} />}
      {images.value?.sets.map((set) => (
        <SampleGrid key={set.name} set={set} step={images.value!.step} />
      ))}
    </section>
  );
}

/** A set of images as one, with gaps. */
export function SampleGrid({ set, step }: { set: Samples['sets'][number]; step: number }) {
  const { t, language } = useApp();
  const drawn = useMemo(() => {
    const { count, width, height, channels, pixels } = set;
    return mosaic(fromBase64(pixels), {
      count,
      width,
      height,
      channels,
      columns: Math.ceil(Math.sqrt(count)),
      gap: 1,
    });
  }, [set]);
  return (
    <figure>
      {set.name !== 'samples' && <figcaption>{set.name}</figcaption>}
      <MosaicImage
        mosaic={drawn}
        class={set.count === 1 ? 'kernels single' : 'kernels'}
        label={t('samples.label', { n: set.count, step: integer(step, language), name: set.name })}
      />
    </figure>
  );
}
