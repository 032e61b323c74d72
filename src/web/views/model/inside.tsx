import { useState } from 'preact/hooks';
import { get } from '../../app/api.js';
import { useApp } from '../../app/context.js';
import { replace } from '../../app/router.js';
import { useLoad } from '../../app/use.js';
import type { LiveRun } from '../../app/use-run.js';
import { runHref } from '../../lib/route.js';
import { type Image, Picker } from '../../ui/picker.js';
import { Loading, Missing, Problem } from '../../ui/problem.js';
import { KernelsView } from './kernels.js';
import { LayerPanel } from './layer-panel.js';
import { Network, NetworkLegend, networkSum } from './network.js';

/** Inside the network: its architecture, a layer's activations for an image, the first layer's kernels over time. */
export function InsideView({
  id,
  run,
  query,
}: {
  id: string;
  run: LiveRun;
  query: Readonly<Record<string, string>>;
}) {
  const { t, language } = useApp();
  const model = useLoad(`model ${id}`, (signal) =>
    get('GET /api/runs/:id/model', { params: { id } }, signal),
  );
  const [file, setFile] = useState<File>();
  const index = Math.max(0, Math.floor(Number(query.index ?? 0)) || 0);
  const image: Image = file ? { file } : { index };
  const classifies = model.value?.classifies ?? true;
  const layers = model.value?.layers ?? [];
  const layer =
    layers.find(({ name }) => name === query.layer) ??
    layers.find(({ kind }) => /relu/i.test(kind)) ??
    layers[0];
  const go = (change: Readonly<Record<string, string | number | undefined>>) =>
    replace(runHref(id, 'inside', { ...query, ...change }));
  return (
    <>
      <section class="block first" aria-labelledby="network-title">
        <div class="block-head">
          <h2 id="network-title">{t('network.title')}</h2>
          {model.value && <p class="hint">{networkSum(model.value, t, language)}</p>}
        </div>
        {model.failure && <Problem failure={model.failure} retry={model.reload} />}
        {model.loading && !model.value && <Loading />}
        {model.value && <NetworkLegend sized={model.value.sized} />}
        {model.value && (
          <Network model={model.value} selected={layer?.name} onSelect={(name) => go({ layer: name })} />
        )}
      </section>
      {layer && (
        <section class="block" aria-labelledby="layer-title">
          <h2 id="layer-title">
            {t('layer.title')} <code>{layer.name}</code>
          </h2>
          <div class="layer-grid">
            {classifies && (
              <Picker
                run={id}
                tests={run.detail?.testImages}
                image={image}
                onChange={(next) => {
                  setFile('file' in next ? next.file : undefined);
                  if ('index' in next) go({ index: next.index });
                }}
              />
            )}
            <LayerPanel id={id} layer={layer} image={classifies ? image : undefined} run={run} />
          </div>
          {!classifies && <Missing>{t('features.classifiersOnly')}</Missing>}
        </section>
      )}
      <KernelsView
        id={id}
        run={run}
        step={query.step}
        onStep={(step) => go({ step })}
        optional={!classifies}
      />
    </>
  );
}
