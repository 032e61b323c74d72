import { useMemo } from 'preact/hooks';
import type { FeatureMaps } from '../../../serve/api.js';
import { get, send } from '../../app/api.js';
import { useApp } from '../../app/context.js';
import { useLoad } from '../../app/use.js';
import type { LiveRun } from '../../app/use-run.js';
import { fromBase64 } from '../../lib/bytes.js';
import { compact, integer, shape, share, significant } from '../../lib/format.js';
import { mosaic, squareOf } from '../../lib/mosaic.js';
import type { Layer } from '../../lib/network.js';
import { MosaicImage } from '../../ui/mosaic.js';
import type { Image } from '../../ui/picker.js';
import { Loading, Problem } from '../../ui/problem.js';
import { ActivationHistogram } from './activation-histogram.js';

/** A layer: its type, its activations for the selected image, if there is one, and its statistics. */
export function LayerPanel({
  id,
  layer,
  image,
  run,
}: {
  id: string;
  layer: Layer;
  image: Image | undefined;
  run: LiveRun;
}) {
  const { t, language } = useApp();
  const insights = useLoad(
    `${id} ${run.insights}`,
    (signal) => get('GET /api/runs/:id/insights', { params: { id }, query: { points: 1 } }, signal),
    { keep: true },
  );
  const last = insights.value?.at(-1);
  const activation = last?.activations.find(({ name }) => name === layer.name);
  const parameters = last?.parameters.filter(({ name }) => name.startsWith(`${layer.name}.`)) ?? [];
  const sized = layer.outputShape.length > 0;
  const facts: readonly (readonly [string, string])[] = [
    [t('layer.kind'), `${layer.kind}${layer.settings ? ` · ${layer.settings}` : ''}`],
    ...(sized ? [[t('layer.output'), shape(layer.outputShape)] as const] : []),
    [t('network.parameters'), integer(layer.parameters, language)],
    ...(sized ? [[t('network.cost'), compact(layer.multiplyAdds, language)] as const] : []),
    ...parameters.map(
      ({ name, norm, gradNorm }) =>
        [
          t('layer.norm', { name: name.slice(layer.name.length + 1) }),
          t('layer.normValue', {
            norm: significant(norm ?? Number.NaN),
            grad: significant(gradNorm ?? Number.NaN),
          }),
        ] as const,
    ),
    ...(activation
      ? [
          [
            t('layer.dead'),
            `${share(activation.dead)} · ${t('dead.active', { share: share(activation.active) })}`,
          ] as const,
        ]
      : []),
  ];
  return (
    <div class="layer-panel">
      <dl class="layer-facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd class="num">{value}</dd>
          </div>
        ))}
      </dl>
      {activation && <ActivationHistogram layer={activation} />}
      {image && <Features id={id} layer={layer.name} image={image} />}
    </div>
  );
}

function Features({ id, layer, image }: { id: string; layer: string; image: Image }) {
  const { t, language } = useApp();
  const which = 'file' in image ? `file ${image.file.name} ${image.file.lastModified}` : `${image.index}`;
  const { value, failure, loading, reload } = useLoad(`${id} ${layer} ${which}`, (signal) => {
    const seen =
      'file' in image ? { query: { layer }, body: image.file } : { query: { layer, index: image.index } };
    return send('POST /api/runs/:id/features', { params: { id }, ...seen }, signal);
  });
  const drawn = useMemo(() => value && draw(value), [value]);
  return (
    <div class="features">
      <h3>{t('features.title')}</h3>
      {failure && <Problem failure={failure} retry={reload} />}
      {loading && !value && !failure && <Loading />}
      {value && drawn && (
        <>
          <p class="hint">
            {value.height === 1 && value.maps === 1
              ? t('features.units', { n: integer(value.width, language) })
              : value.maps < value.mapsTotal
                ? t('features.some', { n: value.maps, all: value.mapsTotal })
                : t('features.all', { n: value.maps })}{' '}
            · {t('features.scale', { min: significant(value.min), max: significant(value.max) })}
          </p>
          <MosaicImage
            mosaic={drawn}
            class="feature-maps"
            label={t('features.label', { layer: value.layer, n: value.maps })}
          />
        </>
      )}
    </div>
  );
}

function draw(maps: FeatureMaps) {
  const bytes = fromBase64(maps.grey);
  if (maps.maps === 1 && maps.height === 1) {
    const { width, height } = squareOf(maps.width);
    return mosaic(bytes, { count: 1, width, height, channels: 1, columns: 1, gap: 0 });
  }
  const { width, height } = maps;
  return mosaic(bytes, {
    count: maps.maps,
    width,
    height,
    channels: 1,
    columns: Math.min(maps.maps, 12),
    gap: width > 20 ? 3 : 1,
  });
}
