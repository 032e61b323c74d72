import { useState } from 'preact/hooks';
import { useApp } from '../../app/context.js';
import { metricTitle } from '../../lib/curves/metric.js';
import { CheckList, Menu, SearchField } from '../../ui/menu.js';

/** With more names than this they can be searched. */
const FEW = 14;

/** Chooses the metrics to show. */
export function MetricPicker({
  names,
  chosen,
  onChange,
}: {
  names: readonly string[];
  chosen: readonly string[];
  onChange: (chosen: readonly string[]) => void;
}) {
  const { t } = useApp();
  const [filter, setFilter] = useState('');
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const all = [...new Set([...names, ...chosen])];
  const shown = all.filter((name) => {
    const text = `${name} ${metricTitle(name, t)}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  return (
    <Menu title={t('compare.metrics', { n: chosen.length })}>
      {all.length > FEW && <SearchField label={t('compare.findMetric')} value={filter} onInput={setFilter} />}
      <CheckList names={shown} chosen={chosen} onChange={onChange} label={(name) => metricTitle(name, t)} />
    </Menu>
  );
}
