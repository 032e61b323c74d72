import { useMemo, useState } from 'preact/hooks';
import type { LoggedImage } from '../../../serve/api.js';
import { get } from '../../app/api.js';
import { useApp } from '../../app/context.js';
import { useLoad } from '../../app/use.js';
import { addressOf } from '../../lib/address.js';
import { integer } from '../../lib/format.js';
import { lowerBound } from '../../lib/points.js';
import { LineSample } from '../../ui/chart/line-sample.js';
import { Problem } from '../../ui/problem.js';
import { StepSlider } from '../../ui/step-slider.js';
import { KernelGrid } from '../model/kernels.js';
import { SampleGrid } from '../run/samples.js';
import type { Charted } from './compare-charts.js';

/** What a run has images of, and at which steps. */
interface Stored {
  readonly kernels: readonly number[];
  readonly samples: readonly number[];
  readonly logged: readonly LoggedImage[];
}

async function storedIn(id: string, signal: AbortSignal): Promise<Stored> {
  const params = { id };
  const [kernels, samples, logged] = await Promise.all([
    get('GET /api/runs/:id/kernels', { params }, signal),
    get('GET /api/runs/:id/samples', { params }, signal),
    get('GET /api/runs/:id/images', { params }, signal),
  ]);
  return { kernels, samples, logged };
}

/** Maximum number of runs whose images are loaded. */
const MOST_RUNS = 12;

/** Images of several runs beside each other, at the same step: kernels, samples, and what a program logged. */
export function CompareImages({ runs: all, turn }: { runs: readonly Charted[]; turn: number }) {
  const { t } = useApp();
  const runs = all.slice(0, MOST_RUNS);
  const ids = runs.map(({ id }) => id).join('/');
  const stored = useLoad(
    `images ${ids} ${turn}`,
    (signal) => Promise.all(runs.map(({ id }) => storedIn(id, signal))),
    { keep: true },
  );
  const [place, setPlace] = useState<number>();
  const found = useMemo(
    () => new Map((stored.value ?? []).map((each, i) => [runs[i]?.id, each])),
    [stored.value],
  );
  const steps = useMemo(() => stepsOf(stored.value ?? []), [stored.value]);
  if (stored.failure) return <Problem failure={stored.failure} />;
  if (steps.length === 0) return null;
  const at = Math.min(place ?? steps.length - 1, steps.length - 1);
  return (
    <section class="block" aria-labelledby="compare-images-title">
      <h2 id="compare-images-title">{t('logged.images')}</h2>
      {all.length > MOST_RUNS && <p class="hint">{t('compare.most', { n: MOST_RUNS, all: all.length })}</p>}
      {steps.length > 1 && <StepSlider steps={steps} place={at} onPlace={setPlace} />}
      <div class="compare-images">
        {runs.map((run) => {
          const own = found.get(run.id);
          return own && stepsOf([own]).length > 0 ? (
            <RunImages key={run.id} run={run} stored={own} step={steps[at]!} />
          ) : null;
        })}
      </div>
    </section>
  );
}

const stepsOf = (all: readonly Stored[]): number[] =>
  [
    ...new Set(
      all.flatMap(({ kernels, samples, logged }) => [
        ...kernels,
        ...samples,
        ...logged.map((image) => image.step),
      ]),
    ),
  ].sort((a, b) => a - b);

/** The last step that is not after another one, or the first. */
const upTo = (steps: readonly number[], step: number): number | undefined =>
  steps[Math.max(0, lowerBound(steps, step + 1) - 1)];

function RunImages({ run, stored, step }: { run: Charted; stored: Stored; step: number }) {
  const { t, language } = useApp();
  const { id } = run;
  const [kernelStep, sampleStep] = [upTo(stored.kernels, step), upTo(stored.samples, step)];
  const kernels = useLoad(
    kernelStep === undefined ? undefined : `kernels ${id} ${kernelStep}`,
    (signal) => get('GET /api/runs/:id/kernels/:step', { params: { id, step: kernelStep! } }, signal),
    { keep: true },
  );
  const samples = useLoad(
    sampleStep === undefined ? undefined : `samples ${id} ${sampleStep}`,
    (signal) => get('GET /api/runs/:id/samples/:step', { params: { id, step: sampleStep! } }, signal),
    { keep: true },
  );
  const logged = [...new Set(stored.logged.map(({ name }) => name))].map((name) => {
    const own = stored.logged.filter((image) => image.name === name);
    const shown = upTo(
      own.map((image) => image.step),
      step,
    );
    return own.findLast((image) => image.step === shown)!;
  });
  const captions = (name: string, shown: number) => (
    <figcaption>
      {name} <span class="hint">{t('chart.step', { n: integer(shown, language) })}</span>
    </figcaption>
  );
  return (
    <article>
      <h3>
        <LineSample color={run.color} dash={run.dash} width={28} height={10} /> {run.name}
      </h3>
      {kernels.failure && <Problem failure={kernels.failure} />}
      {kernels.value && (
        <figure>
          {captions(t('kernels.title'), kernels.value.step)}
          <KernelGrid kernels={kernels.value} />
        </figure>
      )}
      {samples.failure && <Problem failure={samples.failure} />}
      {samples.value?.sets.map((set) => (
        <div key={set.name}>
          <p class="hint">{t('chart.step', { n: integer(samples.value!.step, language) })}</p>
          <SampleGrid set={set} step={samples.value!.step} />
        </div>
      ))}
      {logged.map((image) => (
        <figure key={image.name}>
          {captions(image.name, image.step)}
          <img
            class="pixels"
            src={addressOf('GET /api/runs/:id/images/:index', { params: { id, index: image.index } })}
            alt={t('logged.image', { name: image.name, step: image.step })}
          />
        </figure>
      ))}
    </article>
  );
}
