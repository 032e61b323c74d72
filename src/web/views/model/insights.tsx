import { useMemo } from 'preact/hooks';
import type { Insight } from '../../../serve/api.js';
import { get } from '../../app/api.js';
import { useApp } from '../../app/context.js';
import { useLoad } from '../../app/use.js';
import type { LiveRun } from '../../app/use-run.js';
import { integer, share, significant } from '../../lib/format.js';
import { Spark } from '../../ui/chart/spark.js';
import { Loading, Missing, Problem } from '../../ui/problem.js';
import { Scroll } from '../../ui/scroll.js';
import { ActivationHistogram } from './activation-histogram.js';

const useInsights = (id: string, run: LiveRun) =>
  useLoad(
    `${id} ${run.insights}`,
    (signal) => get('GET /api/runs/:id/insights', { params: { id }, query: { points: 200 } }, signal),
    { keep: true },
  );

/** Statistics of the layers: norms, dead units, activations. */
export function Insights({ id, run }: { id: string; run: LiveRun }) {
  const { t, language } = useApp();
  const { value, failure, loading } = useInsights(id, run);
  const last = value?.at(-1);
  return (
    <section class="block" aria-labelledby="layers-title">
      <h2 id="layers-title">{t('layers.title')}</h2>
      {failure && <Problem failure={failure} />}
      {loading && !value && !failure && <Loading />}
      {value && !last && <Missing>{t('layers.none')}</Missing>}
      {value && last && (
        <>
          <p class="hint">{t('layers.at', { n: integer(last.step, language) })}</p>
          <div class="two">
            <Activations insights={value} last={last} />
            <Norms insights={value} last={last} />
          </div>
        </>
      )}
    </section>
  );
}

/** Share of dead units above which the table shows a warning. */
const MANY_DEAD = 0.25;

function Activations({ insights, last }: { insights: readonly Insight[]; last: Insight }) {
  const { t, language } = useApp();
  return (
    <div>
      <h3>{t('dead.title')}</h3>
      <p class="why">{t('dead.why')}</p>
      {last.activations.length === 0 && <Missing>{t('dead.none')}</Missing>}
      <ul class="activations">
        {last.activations.map((layer) => (
          <li key={layer.name}>
            <div class="activation-name">
              <code>{layer.name}</code>
              <span class="under">
                {layer.kind} · {t('dead.units', { n: integer(layer.units, language) })}
              </span>
            </div>
            <div class="activation-dead">
              <meter
                value={layer.dead}
                min={0}
                max={1}
                high={MANY_DEAD}
                optimum={0}
                aria-label={t('dead.share')}
              />
              <span class="num">
                {t('dead.dead', { share: share(layer.dead) })}
                {layer.dead > MANY_DEAD && <b class="warn"> {t('dead.many')}</b>}
              </span>
              <span class="under">{t('dead.active', { share: share(layer.active) })}</span>
            </div>
            <DeadSpark insights={insights} name={layer.name} />
            <ActivationHistogram layer={layer} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function DeadSpark({ insights, name }: { insights: readonly Insight[]; name: string }) {
  const { t } = useApp();
  const values = useMemo(
    () => insights.map((each) => each.activations.find((layer) => layer.name === name)?.dead ?? Number.NaN),
    [insights, name],
  );
  return <Spark values={values} label={t('dead.over')} />;
}

function Norms({ insights, last }: { insights: readonly Insight[]; last: Insight }) {
  const { t } = useApp();
  const sparks = useMemo(() => {
    const all = new Map<string, number[]>();
    for (const insight of insights)
      for (const { name, gradNorm } of insight.parameters) {
        const list = all.get(name) ?? [];
        if (gradNorm !== null) list.push(Math.log10(Math.max(gradNorm, 1e-12)));
        all.set(name, list);
      }
    return all;
  }, [insights]);
  return (
    <div>
      <h3>{t('norms.title')}</h3>
      <p class="why">{t('norms.why')}</p>
      <Scroll label={t('norms.title')}>
        <table class="norms">
          <thead>
            <tr>
              <th scope="col">{t('norms.parameter')}</th>
              <th scope="col">{t('norms.weight')}</th>
              <th scope="col">{t('norms.gradient')}</th>
              <th scope="col">{t('norms.ratio')}</th>
              <th scope="col">{t('norms.over')}</th>
            </tr>
          </thead>
          <tbody>
            {last.parameters.map(({ name, norm, gradNorm }) => (
              <tr key={name}>
                <th scope="row">
                  <code>{name}</code>
                </th>
                <td>{significant(norm ?? Number.NaN)}</td>
                <td>{significant(gradNorm ?? Number.NaN)}</td>
                <td>{norm && gradNorm !== null ? significant(gradNorm / norm, 2) : '–'}</td>
                <td>
                  <Spark values={sparks.get(name) ?? []} width={80} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </div>
  );
}
