import type { ActivationInsight } from '../../../serve/api.js';
import { useApp } from '../../app/context.js';
import { significant } from '../../lib/format.js';
import { Histogram } from '../../ui/chart/histogram.js';

/** Histogram of a layer's activations; nothing if the layer has none. */
export function ActivationHistogram({ layer }: { layer: ActivationInsight }) {
  const { t } = useApp();
  if (!layer.histogram) return null;
  return (
    <Histogram
      histogram={layer.histogram}
      label={t('dead.histogram', {
        layer: layer.name,
        min: significant(layer.histogram.min),
        max: significant(layer.histogram.max),
        mean: significant(layer.mean ?? Number.NaN),
      })}
    />
  );
}
