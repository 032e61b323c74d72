import type { EpochEvent, StepEvent } from '../../../serve/api.js';
import { useApp } from '../../app/context.js';
import { replace } from '../../app/router.js';
import type { LiveRun } from '../../app/use-run.js';
import type { Translate } from '../../i18n.js';
import { isClassified, isOfSamples, measuresItself } from '../../lib/classifier-epoch.js';
import { secondsLeft } from '../../lib/describe.js';
import { duration, integer, percent, share, significant } from '../../lib/format.js';
import { runHref } from '../../lib/route.js';
import { Insights } from '../model/insights.js';
import { KernelsView } from '../model/kernels.js';
import { LoggedViews } from './logged.js';
import { MachineCharts } from './machine.js';
import { OwnCharts } from './own-charts.js';
import { RunCharts } from './run-charts.js';
import { RunLog } from './run-log.js';
import { RunSettings } from './run-settings.js';
import { SamplesView } from './samples.js';

/** A run during and after training. */
export function LiveView({
  id,
  run,
  query,
}: {
  id: string;
  run: LiveRun;
  query: Readonly<Record<string, string>>;
}) {
  const { t } = useApp();
  if (run.detail!.kind)
    return (
      <>
        {run.detail!.stepsTotal > 0 && (
          <section class="figures" aria-label={t('figure.title')}>
            <Progress run={run} />
          </section>
        )}
        <OwnCharts id={id} run={run} query={query} alone />
        <SamplesView id={id} run={run} />
        <LoggedViews id={id} run={run} />
        <MachineCharts id={id} run={run} />
        <RunLog id={id} run={run} />
        {Object.keys(run.detail!.config).length > 0 && <RunSettings run={run} />}
      </>
    );
  return (
    <>
      <Figures run={run} />
      <RunCharts id={id} run={run} query={query} />
      <OwnCharts id={id} run={run} query={query} alone={false} />
      <SamplesView id={id} run={run} />
      <Insights id={id} run={run} />
      <KernelsView
        id={id}
        run={run}
        step={query.step}
        onStep={(step) => replace(runHref(id, 'live', { ...query, step }))}
        optional
      />
      <MachineCharts id={id} run={run} />
      <RunLog id={id} run={run} />
      <RunSettings run={run} />
    </>
  );
}

/** Figures of a step on several ranks. */
function teamFigures(
  { ranks = 1, waitShare, exchangeShare, slowestRank }: StepEvent,
  t: Translate,
): readonly (readonly [string, string, string?])[] {
  const exchanges = exchangeShare === undefined ? undefined : share(exchangeShare);
  return [
    [
      t('figure.ranks'),
      String(ranks),
      slowestRank === undefined ? undefined : t('figure.slowest', { n: slowestRank }),
    ],
    [
      t('figure.rankWaits'),
      waitShare === undefined ? '–' : share(waitShare),
      exchanges === undefined ? undefined : t('figure.exchanges', { share: exchanges }),
    ],
  ];
}

/** The most measurements of a paper's own among the key figures; the curves have all. */
const MOST_OWN = 3;

/** What a paper that is no classifier has measured after an epoch. */
const ownFigures = ({ testMetrics = {} }: EpochEvent, t: Translate): [string, string, string][] =>
  Object.entries(testMetrics)
    .slice(0, MOST_OWN)
    .map(([name, value]) => [name, significant(value, 4), t('figure.onTest')]);

/** How far the run has come. */
function Progress({ run }: { run: LiveRun }) {
  const { t, language } = useApp();
  const detail = run.detail!;
  const last = run.lastStep;
  const step = last?.step ?? detail.step;
  const total = detail.stepsTotal;
  return (
    <div class="progress-line">
      <progress value={step} max={Math.max(1, total)} aria-label={t('run.progress')} />
      <span class="num">
        {t('run.step', { n: integer(step, language), all: total > 0 ? integer(total, language) : '–' })}
        {detail.epochs > 0 &&
          ` · ${t('run.epoch', {
            n: integer(last?.epoch ?? detail.epoch, language),
            all: integer(detail.epochs, language),
          })}`}
      </span>
    </div>
  );
}

/** Key figures. */
function Figures({ run }: { run: LiveRun }) {
  const { t, language } = useApp();
  const detail = run.detail!;
  const last = run.lastStep;
  const step = last?.step ?? detail.step;
  const total = detail.stepsTotal;
  const best = run.epochs
    .filter(isClassified)
    .reduce<number | undefined>(
      (most, epoch) => (most === undefined || epoch.testAccuracy > most ? epoch.testAccuracy : most),
      detail.bestAccuracy,
    );
  const moving = run.status === 'training' || run.status === 'paused';
  const left = secondsLeft(step, total, run.stepSeconds);
  const waits = last && last.stepSeconds > 0 ? last.dataSeconds / last.stepSeconds : undefined;
  const own = measuresItself(run.epochs);
  const figures: readonly (readonly [string, string, string?])[] = [
    ...(own
      ? ownFigures(run.epochs.at(-1)!, t)
      : ([
          [
            t('figure.accuracy'),
            best === undefined ? '–' : percent(best),
            best === undefined ? t('figure.noAccuracy') : undefined,
          ],
        ] as const)),
    [t('figure.loss'), last ? significant(last.loss, 4) : '–'],
    [
      t('figure.rate'),
      last ? significant(last.imagesPerSecond) : '–',
      last && t(isOfSamples(detail) ? 'figure.samplesUnit' : 'figure.rateUnit'),
    ],
    moving
      ? [t('figure.left'), left === undefined ? '–' : duration(left, language)]
      : [t('figure.step'), last ? duration(last.stepSeconds, language) : '–'],
    waits === undefined ? [t('figure.waits'), '–'] : [t('figure.waits'), share(waits), t('figure.waitsUnit')],
    [t('figure.lr'), last ? significant(last.lr) : '–'],
    ...(last?.ranks === undefined ? [] : teamFigures(last, t)),
    [t('figure.memory'), last?.rssMiB ? `${significant(last.rssMiB / 1024, 3)} GiB` : '–'],
  ];
  return (
    <section class="figures" aria-label={t('figure.title')}>
      <Progress run={run} />
      <dl>
        {figures.map(([name, value, note]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <span class="num">{value}</span>
              {note && <small> {note}</small>}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
