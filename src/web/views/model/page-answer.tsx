import { plainText } from '../../../display/plain-text.js';
import { ApiFailure } from '../../app/api.js';
import { useApp } from '../../app/context.js';
import { type PageDevice, pageModelOf } from '../../app/page-engine.js';
import { useLoad } from '../../app/use.js';
import { Bars } from '../../ui/chart/bars.js';
import { type Image, imageUrl } from '../../ui/picker.js';
import { Loading, Problem } from '../../ui/problem.js';
import { squareFrom } from '../../ui/square.js';

/** A prediction that this page computes, with the run's weights but without the server. */
export function PageAnswer({
  run,
  version,
  image,
  which,
  device,
}: {
  run: string;
  /** Changes when the run has new weights. */
  version: string;
  image: Image;
  /** Names the image. */
  which: string;
  device: PageDevice;
}) {
  const { t } = useApp();
  /** Errors of the library speak of its functions and of the command line, which a reader of this page does not use. */
  const orWhy = <T,>(result: Promise<T>): Promise<T> =>
    result.catch((error: unknown) => {
      if (error instanceof ApiFailure) throw error;
      const { what = String(error), got } = error as { what?: string; got?: string };
      const reason = [what, got].filter(Boolean).join(': ');
      throw new ApiFailure({ what: t('try.failed'), got: reason, next: t('try.otherDevice') }, -1);
    });
  const { value, failure, loading, reload } = useLoad(`${run} ${version} ${device} ${which}`, async () => {
    const { engine, model } = await orWhy(pageModelOf(run, version, device));
    const file = 'file' in image ? image.file : await (await fetch(imageUrl(run, image.index))).blob();
    const square = await squareFrom(file, model.side, engine, t('try.noImage'));
    const began = performance.now();
    const { probabilities } = await orWhy(model.classify(square));
    const milliseconds = Math.max(1, Math.round(performance.now() - began));
    return { probabilities: [...probabilities], classes: model.classes, engine: model.engine, milliseconds };
  });
  if (failure) return <Problem failure={failure} retry={reload} />;
  if (!value) return loading ? <Loading /> : null;
  const { probabilities, classes, engine, milliseconds } = value;
  const top = probabilities
    .map((probability, i) => ({ label: plainText(classes[i] ?? `${i}`), probability }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, 5);
  return (
    <div class="answer" data-probabilities={JSON.stringify(probabilities)}>
      <p class="answer-line" role="status">
        {t('try.says')} <b>{top[0]?.label}</b>
      </p>
      <Bars bars={top.map(({ label, probability }) => ({ label, value: probability * 100, truth: false }))} />
      <p class="hint">{t('try.inPage', { engine, ms: milliseconds })}</p>
    </div>
  );
}
