import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Kernels } from '../../../serve/api.js';
import { get } from '../../app/api.js';
import { useApp } from '../../app/context.js';
import { useLoad } from '../../app/use.js';
import type { LiveRun } from '../../app/use-run.js';
import { fromBase64 } from '../../lib/bytes.js';
import { integer } from '../../lib/format.js';
import { mosaic } from '../../lib/mosaic.js';
import { Icon } from '../../ui/icon.js';
import { MosaicImage } from '../../ui/mosaic.js';
import { Loading, Missing, Problem } from '../../ui/problem.js';
import { StepSlider } from '../../ui/step-slider.js';

const FRAME_MS = 260;

/** The first convolution's kernels at the steps at which they were stored. */
export function KernelsView({
  id,
  run,
  step,
  onStep,
  optional = false,
}: {
  id: string;
  run: LiveRun;
  step: string | undefined;
  onStep: (step: number) => void;
  /** Shows nothing for a run without kernels. */
  optional?: boolean;
}) {
  const { t } = useApp();
  const steps = useLoad(
    `kernels ${id} ${run.insights}`,
    (signal) => get('GET /api/runs/:id/kernels', { params: { id } }, signal),
    { keep: true },
  );
  const kept = steps.value ?? [];
  if (optional && kept.length === 0 && !steps.failure) return null;
  return (
    <section class="block" aria-labelledby="kernels-title">
      <h2 id="kernels-title">{t('kernels.title')}</h2>
      <p class="why">{t('kernels.why')}</p>
      {steps.failure && <Problem failure={steps.failure} retry={steps.reload} />}
      {steps.loading && kept.length === 0 && <Loading />}
      {steps.value && kept.length === 0 && !steps.loading && <Missing>{t('kernels.none')}</Missing>}
      {kept.length > 0 && <Player id={id} steps={kept} step={step} onStep={onStep} />}
    </section>
  );
}

function Player({
  id,
  steps,
  step,
  onStep,
}: {
  id: string;
  steps: readonly number[];
  step: string | undefined;
  onStep: (step: number) => void;
}) {
  const { t, language } = useApp();
  const asked = step === undefined ? -1 : steps.indexOf(Number(step));
  const [index, setIndex] = useState(asked >= 0 ? asked : steps.length - 1);
  const [playing, setPlaying] = useState(false);
  const cache = useRef(new Map<number, Promise<Kernels>>());
  const position = Math.min(index, steps.length - 1);
  const now = steps[position]!;
  const fetchStep = (each: number) => {
    const known = cache.current.get(each);
    if (known) return known;
    const asking = get('GET /api/runs/:id/kernels/:step', { params: { id, step: each } });
    asking.catch(() => cache.current.delete(each));
    cache.current.set(each, asking);
    return asking;
  };
  const { value, failure } = useLoad(`${id} ${now}`, () => fetchStep(now));
  const [shown, setShown] = useState<Kernels>();
  useEffect(() => {
    if (value) setShown(value);
  }, [value]);
  const show = (next: number) => {
    setIndex(next);
    onStep(steps[next]!);
  };
  // The next image is requested while the current one is shown; playback continues once it has arrived.
  const latest = useRef(show);
  latest.current = show;
  const last = steps.length - 1;
  useEffect(() => {
    if (!playing || value === undefined) return;
    if (position >= last) return setPlaying(false);
    void fetchStep(steps[position + 1]!);
    const timer = setTimeout(() => latest.current(position + 1), FRAME_MS);
    return () => clearTimeout(timer);
  }, [playing, position, last, value]);
  return (
    <>
      {steps.length > 1 ? (
        <div class="player">
          <button
            type="button"
            onClick={() => {
              if (!playing && position >= last) setIndex(0);
              setPlaying(!playing);
            }}
          >
            <Icon name={playing ? 'pause' : 'play'} /> {playing ? t('kernels.pause') : t('kernels.play')}
          </button>
          <StepSlider
            steps={steps}
            place={position}
            onPlace={(place) => {
              setPlaying(false);
              show(place);
            }}
          />
        </div>
      ) : (
        <p class="hint">{t('kernels.one', { n: integer(now, language) })}</p>
      )}
      {failure && <Problem failure={failure} />}
      {shown ? <KernelGrid kernels={shown} /> : !failure && <Loading />}
    </>
  );
}

/** Kernels as one image, with gaps. */
export function KernelGrid({ kernels }: { kernels: Kernels }) {
  const { t, language } = useApp();
  const drawn = useMemo(() => {
    const { count, side, rgb } = kernels;
    const columns = count >= 64 ? 16 : Math.ceil(Math.sqrt(count));
    return mosaic(fromBase64(rgb), { count, width: side, height: side, channels: 3, columns, gap: 1 });
  }, [kernels]);
  return (
    <MosaicImage
      mosaic={drawn}
      class="kernels"
      label={t('kernels.label', {
        n: kernels.count,
        step: integer(kernels.step, language),
        side: kernels.side,
      })}
    />
  );
}
