import { useApp, useTitle } from '../../app/context.js';
import { type LiveRun, useRun } from '../../app/use-run.js';
import { measuresItself } from '../../lib/classifier-epoch.js';
import { moment } from '../../lib/format.js';
import { paperHref, type RunTab, runHref } from '../../lib/route.js';
import { Connection } from '../../ui/connection.js';
import { Icon } from '../../ui/icon.js';
import { Loading, Problem } from '../../ui/problem.js';
import { Status } from '../../ui/status.js';
import { InsideView } from '../model/inside.js';
import { TryView } from '../model/try.js';
import { Tags } from '../runs/runs-table.js';
import { LiveView } from './live.js';
import { RunControl } from './run-control.js';

/** One run: its header and the open tab. The event stream is here, so that it survives changes of tabs. */
export function RunView({
  id,
  tab,
  query,
}: {
  id: string;
  tab: RunTab;
  query: Readonly<Record<string, string>>;
}) {
  const { t } = useApp();
  const run = useRun(id);
  useTitle(run.detail?.name ?? id);
  if (run.failure)
    return (
      <div class="page">
        <h1>{id}</h1>
        <Problem failure={run.failure} retry={run.reload} />
        <p>
          <a href="#/">{t('run.all')}</a>
        </p>
      </div>
    );
  if (!run.detail)
    return (
      <div class="page">
        <h1>{id}</h1>
        <Loading />
      </div>
    );
  return (
    <div class="page">
      <Head run={run} tab={tab} />
      {tab === 'live' && <LiveView id={id} run={run} query={query} />}
      {tab === 'inside' && <InsideView id={id} run={run} query={query} />}
      {tab === 'try' && <TryView id={id} run={run} query={query} />}
    </div>
  );
}

function Head({ run, tab }: { run: LiveRun; tab: RunTab }) {
  const { t, language } = useApp();
  const detail = run.detail!;
  // User programs (Logger) have no model here.
  const tabs: readonly RunTab[] = detail.kind
    ? ['live']
    : measuresItself(run.epochs)
      ? ['live', 'inside']
      : ['live', 'inside', 'try'];
  return (
    <>
      <p class="crumb">
        <a href="#/">
          <Icon name="back" />
          {t('nav.runs')}
        </a>
      </p>
      <div class="page-head">
        <h1>{detail.name}</h1>
        <Status status={run.status} />
        <Tags tags={detail.tags} />
        <Connection state={run.connection} following={run.following} />
        {/* User programs (Logger) take no requests. */}
        {!detail.kind && <RunControl id={detail.id} status={run.status} onStatus={run.setStatus} />}
      </div>
      <p class="facts">
        {detail.kind ? (
          <span>
            {t(`run.${detail.kind}`)}
            {detail.kind === 'program' && <b> {detail.dataset}</b>}
          </span>
        ) : (
          <>
            <span>
              {t('run.paper')} <a href={paperHref(detail.paper)}>{detail.paper}</a>
            </span>
            <span>
              {t('run.preset')} <b>{detail.preset}</b>
            </span>
            <span>
              {t('run.recipe')} <b>{detail.recipe}</b>
            </span>
            <span>
              {t('run.data')} <b>{detail.dataset}</b>
            </span>
            <span>
              {t('run.seed')} <b>{detail.seed}</b>
            </span>
          </>
        )}
        <span>
          {t('run.started')} <b>{moment(detail.started, language)}</b>
        </span>
      </p>
      {run.error && (
        <div class="problem" role="alert">
          <p class="problem-what">{run.error}</p>
        </div>
      )}
      <nav class="tabs" aria-label={t('run.views')}>
        {tabs.map((each) => (
          <a
            key={each}
            href={runHref(detail.id, each)}
            {...(each === tab ? { 'aria-current': 'page' as const } : {})}
          >
            {t(`tab.${each}`)}
          </a>
        ))}
      </nav>
    </>
  );
}
