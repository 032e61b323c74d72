import { useEffect, useState } from 'preact/hooks';
import { get, send } from '../../app/api.js';
import { useApp } from '../../app/context.js';
import { hasWebGpu } from '../../app/page-engine.js';
import { replace } from '../../app/router.js';
import { useLoad } from '../../app/use.js';
import type { LiveRun } from '../../app/use-run.js';
import { measuresItself } from '../../lib/classifier-epoch.js';
import { significant } from '../../lib/format.js';
import { runHref } from '../../lib/route.js';
import { Bars } from '../../ui/chart/bars.js';
import { Icon } from '../../ui/icon.js';
import { type Image, imageUrl, Picker } from '../../ui/picker.js';
import { Loading, Missing, Problem } from '../../ui/problem.js';
import { WorkingLine } from '../../ui/working.js';
import { ConfusionView } from './confusion.js';
import { PageAnswer } from './page-answer.js';

/** Prediction for a test image or the user's own image, with neighbours and the confusion matrix. */
export function TryView({
  id,
  run,
  query,
}: {
  id: string;
  run: LiveRun;
  query: Readonly<Record<string, string>>;
}) {
  const { t } = useApp();
  const model = useLoad(`model ${id}`, (signal) =>
    get('GET /api/runs/:id/model', { params: { id } }, signal),
  );
  const [file, setFile] = useState<File>();
  const index = Math.max(0, Math.floor(Number(query.index ?? 0)) || 0);
  const image: Image = file ? { file } : { index };
  const which = file ? `file ${file.name} ${file.lastModified}` : `${index}`;
  const by = query.by === 'wasm' || query.by === 'webgpu' ? query.by : 'server';
  const checkpoints = run.detail?.checkpoints ?? [];
  const weights = (checkpoints.find(({ best }) => best) ?? checkpoints.at(-1))?.file ?? '';
  const look = (next: number) => {
    setFile(undefined);
    replace(runHref(id, 'try', { ...query, index: next }));
  };
  if (model.value?.classifies === false || measuresItself(run.epochs))
    return <Missing>{t('try.classifiersOnly')}</Missing>;
  return (
    <>
      <section class="block first" aria-labelledby="try-title">
        <h2 id="try-title">{t('try.title')}</h2>
        <div class="try-grid">
          <Picker
            run={id}
            tests={run.detail?.testImages}
            image={image}
            onChange={(next) => ('file' in next ? setFile(next.file) : look(next.index))}
          />
          <div>
            <label class="try-by">
              {t('try.by')}
              <select
                value={by}
                onChange={(event) => replace(runHref(id, 'try', { ...query, by: event.currentTarget.value }))}
              >
                <option value="server">{t('try.byServer')}</option>
                <option value="wasm">{t('try.byWasm')}</option>
                {(hasWebGpu() || by === 'webgpu') && <option value="webgpu">{t('try.byGpu')}</option>}
              </select>
            </label>
            {by === 'server' ? (
              <Answer id={id} image={image} which={which} onLook={look} />
            ) : (
              <PageAnswer run={id} version={weights} image={image} which={which} device={by} />
            )}
          </div>
        </div>
      </section>
      <ConfusionView id={id} onLook={look} />
    </>
  );
}

function Answer({
  id,
  image,
  which,
  onLook,
}: {
  id: string;
  image: Image;
  /** Names the image. */
  which: string;
  onLook: (index: number) => void;
}) {
  const { t } = useApp();
  const { value, failure, loading, reload } = useLoad(`${id} ${which}`, (signal) => {
    const seen = 'file' in image ? { body: image.file } : { query: { index: image.index } };
    return send('POST /api/runs/:id/predict', { params: { id }, ...seen }, signal);
  });
  const working = value?.working;
  useEffect(() => {
    if (!working) return;
    const timer = setTimeout(reload, 1000);
    return () => clearTimeout(timer);
  }, [working, reload]);
  if (failure) return <Problem failure={failure} retry={reload} />;
  if (!value) return loading ? <Loading /> : null;
  const best = value.top[0];
  // Exclude the image itself, which is its own nearest neighbour.
  const others = value.neighbours.filter((each) => !('index' in image) || each.index !== image.index);
  const right = value.label === undefined || !best ? undefined : best.label === value.label;
  return (
    <div class="answer">
      <p class="answer-line" role="status">
        {t('try.says')} <b>{best?.label}</b>
        {right !== undefined && (
          <span class={right ? 'right' : 'wrong'}>
            <Icon name={right ? 'check' : 'close'} />
            {right ? t('try.right') : t('try.wrong', { label: value.label ?? '' })}
          </span>
        )}
      </p>
      <Bars
        bars={value.top.slice(0, 5).map(({ label, probability }) => ({
          label,
          value: probability * 100,
          truth: label === value.label,
        }))}
      />
      <h3>{t('try.neighbours')}</h3>
      <p class="hint">{t('try.neighboursWhy')}</p>
      {working ? (
        <WorkingLine working={working} text={t('try.working')} />
      ) : others.length === 0 ? (
        <Missing>{value.problem ?? t('try.noNeighbours')}</Missing>
      ) : (
        <ul class="neighbours">
          {others.map(({ index, label, distance }) => (
            <li key={index}>
              <button
                type="button"
                class="thumb"
                onClick={() => onLook(index)}
                aria-label={t('picker.test', { n: index })}
              >
                <img src={imageUrl(id, index)} alt="" width="72" height="72" />
              </button>
              <span>{label}</span>
              <span class="under num">{t('try.distance', { d: significant(distance) })}</span>
            </li>
          ))}
        </ul>
      )}
      <p class="hint">
        {t('try.weights')} <code>{value.weights}</code>
      </p>
    </div>
  );
}
