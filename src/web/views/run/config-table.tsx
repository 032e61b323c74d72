import { useMemo, useState } from 'preact/hooks';
import { useApp } from '../../app/context.js';
import { diffConfigs } from '../../lib/diff.js';
import { percent, significant } from '../../lib/format.js';
import { LineSample } from '../../ui/chart/line-sample.js';
import { Scroll } from '../../ui/scroll.js';
import type { Compared } from '../compare/compared.js';

/** Results and settings side by side. Settings that differ come first and are marked. */
export function ConfigTable({ runs }: { runs: readonly Compared[] }) {
  const { t } = useApp();
  const [all, setAll] = useState(false);
  const rows = useMemo(() => diffConfigs(runs.map((run) => run.detail.config)), [runs]);
  const differing = rows.filter((row) => row.differs).length;
  const classified = runs.some(({ detail }) => detail.bestAccuracy !== undefined);
  const bests = [...new Set(runs.flatMap(({ detail: { best } }) => (best ? [best.metric] : [])))];
  const shown = all ? rows : rows.filter((row) => row.differs);
  return (
    <section class="block" aria-labelledby="config-title">
      <div class="block-head">
        <h2 id="config-title">{t('config.title')}</h2>
        <label class="check">
          <input type="checkbox" checked={all} onChange={(event) => setAll(event.currentTarget.checked)} />
          {t('config.all')}
        </label>
      </div>
      <p class="hint">
        {runs.length < 2 ? t('config.one') : t('config.count', { n: differing, all: rows.length })}
      </p>
      <Scroll label={t('config.title')}>
        <table class="config">
          <thead>
            <tr>
              <th scope="col">{t('config.setting')}</th>
              {runs.map((run) => (
                <th key={run.id} scope="col">
                  <LineSample color={run.color} dash={run.dash} width={26} height={10} />
                  {run.detail.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {(classified || bests.length === 0) && (
              <tr class="result">
                <th scope="row">{t('runs.accuracy')}</th>
                {runs.map((run) => (
                  <td key={run.id}>
                    {run.detail.bestAccuracy === undefined ? '–' : percent(run.detail.bestAccuracy)}
                  </td>
                ))}
              </tr>
            )}
            {bests.map((metric) => (
              <tr key={metric} class="result">
                <th scope="row">{t('config.best', { metric })}</th>
                {runs.map(({ id, detail: { best } }) => (
                  <td key={id}>{best?.metric === metric ? significant(best.value, 4) : '–'}</td>
                ))}
              </tr>
            ))}
            <tr class="result">
              <th scope="row">{t('config.loss')}</th>
              {runs.map((run) => (
                <td key={run.id}>
                  {run.detail.lastLoss === undefined ? '–' : significant(run.detail.lastLoss, 4)}
                </td>
              ))}
            </tr>
            {shown.map((row) => (
              <tr key={row.path} class={row.differs ? 'differs' : ''}>
                <th scope="row">
                  <code>{row.path}</code>
                  {row.differs && <span class="visually-hidden"> {t('config.differs')}</span>}
                </th>
                {row.values.map((value, i) => (
                  <td key={runs[i]?.id}>{value === undefined ? <span class="nothing">–</span> : value}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}
