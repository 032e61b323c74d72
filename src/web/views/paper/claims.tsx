import type { ComponentChildren } from 'preact';
import type { ClaimRow, Verdict } from '../../../papers/page-types.js';
import { useApp } from '../../app/context.js';
import { Missing } from '../../ui/problem.js';
import { ClaimChart } from './claim-chart.js';

const MARKS: Record<Verdict, string> = {
  confirmed: 'M3 8.5 6.5 12 13 4.5',
  refuted: 'M4 4l8 8M12 4l-8 8',
  'trend only': 'M3 11l4-4 2.5 2.5L13 5M9.5 5H13v3.5',
  'not measured': 'M4 8h8',
};

const CLASSES: Record<Verdict, string> = {
  confirmed: 'confirmed',
  refuted: 'refuted',
  'trend only': 'trend',
  'not measured': 'unmeasured',
};

export function VerdictMark({ verdict }: { verdict: Verdict }) {
  const { t } = useApp();
  return (
    <span class={`verdict ${CLASSES[verdict]}`}>
      <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
        <path d={MARKS[verdict]} />
      </svg>
      {t(`verdict.${verdict}`)}
    </span>
  );
}

/** Number of claims of each verdict. */
export function Tally({ claims }: { claims: readonly ClaimRow[] }) {
  const verdicts = Object.keys(MARKS) as Verdict[];
  return (
    <ul class="tally">
      {verdicts.map((verdict) => {
        const count = claims.filter((claim) => claim.verdict === verdict).length;
        return count === 0 ? null : (
          <li key={verdict}>
            <b class="num">{count}</b> <VerdictMark verdict={verdict} />
          </li>
        );
      })}
    </ul>
  );
}

/**
 * All claims of a paper, with their tally.
 *
 * @param evidence of a claim, below its numbers
 */
export function Claims<C extends ClaimRow>({
  claims,
  evidence = () => undefined,
}: {
  claims: readonly C[];
  evidence?: (claim: C) => ComponentChildren;
}) {
  const { t } = useApp();
  return (
    <section class="block first" aria-labelledby="claims-title">
      <h2 id="claims-title">{t('claims.title')}</h2>
      <p class="why">{t('claims.why')}</p>
      <Tally claims={claims} />
      <ul class="claims">
        {claims.map((claim) => (
          <Claim key={claim.id} claim={claim}>
            {evidence(claim)}
          </Claim>
        ))}
      </ul>
      {claims.length === 0 && <Missing>{t('claims.none')}</Missing>}
    </section>
  );
}

/** A claim: the paper's number beside ours. @param children evidence, below the numbers */
function Claim({ claim, children }: { claim: ClaimRow; children?: ComponentChildren }) {
  const { t, language } = useApp();
  return (
    <li class="claim" id={`claim-${claim.id}`}>
      <div class="claim-text">
        <span class="claim-section num">
          {/^\d/.test(claim.section[language]) ? `§ ${claim.section[language]}` : claim.section[language]}
        </span>
        <p>{claim.statement[language]}</p>
        {claim.reason && <p class="hint">{claim.reason[language]}</p>}
        <ClaimChart claim={claim} />
      </div>
      <dl>
        <div>
          <dt>{t('claims.says')}</dt>
          <dd>{claim.paperSays[language]}</dd>
        </div>
        <div>
          <dt>{t('claims.measured')}</dt>
          <dd>{claim.measured[language] || '–'}</dd>
        </div>
      </dl>
      <VerdictMark verdict={claim.verdict} />
      {children}
    </li>
  );
}
