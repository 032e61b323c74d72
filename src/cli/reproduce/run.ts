import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { counted } from '../../errors/counted.js';
import { UsageError } from '../../errors/errors.js';
import { didYouMean } from '../../errors/nearest.js';
import { printable } from '../../errors/printable.js';
import type { Claim } from '../../papers/claims/claim.js';
import { jobName } from '../../papers/claims/job.js';
import { type JobPlan, missingJobs, reproduce, type Watcher } from '../../papers/claims/reproduce.js';
import { ResultFolder } from '../../papers/claims/result.js';
import { slurmShard } from '../../papers/claims/shard.js';
import { claimRows } from '../../papers/claims/table.js';
import type { Paper } from '../../papers/paper.js';
import { openPaperNamed } from '../../papers/registry.js';
import { writeCharts } from '../../report/charts.js';
import { describeMetrics } from '../../report/epoch-metrics.js';
import { isClassified } from '../../run/events.js';
import { openPaperSet } from '../data/open.js';
import { withDevice } from '../device.js';
import { Interrupted, stopWithCheckpoint } from '../terminal/interrupt.js';
import { note, print, printJson, table } from '../terminal/output.js';
import { clock } from '../terminal/progress.js';
import type { ReproduceFlags } from './flags.js';
import { copyResults, placesOf } from './places.js';

/** Minimum time between two lines within an epoch. */
const LINE_MS = 60_000;

/** The `reproduce` command: prints the remaining training runs, their progress, and the final table. */
export async function reproducePaper(id: string | undefined, flags: ReproduceFlags): Promise<void> {
  const paper = await openPaperNamed(id);
  const claims = chooseClaims(paper, flags.claim);
  const shard = flags.shard ?? slurmShard();
  const { results, figures, notes, shipped } = placesOf(paper.id, flags.results);
  if (flags.list) {
    const found = existsSync(results) ? results : (shipped ?? results);
    return list(paper, claims, found, flags.json ?? false);
  }
  if (shipped !== undefined && (await copyResults(shipped, results)))
    note(
      `The results shipped with the package were copied to ${printable(results)}; new ones are written there.`,
    );
  const { signal, stopListening } = stopWithCheckpoint();
  try {
    const missing = async (): Promise<number> =>
      missingJobs(claims, await ResultFolder.open(results, paper.id)).length;
    const run = (device: Parameters<Parameters<typeof withDevice>[1]>[0]) =>
      reproduce({
        paper,
        claims,
        device,
        openDataset: (dataset, train) => openPaperSet(paper, { dataset, data: flags.data, train }),
        data: flags.data,
        runs: flags.runs,
        results,
        ...(notes === undefined ? {} : { notes }),
        shard,
        budgetSeconds: flags.budget,
        signal,
        watcher: flags.json ? jsonWatcher : new JobScreen(),
      });
    note(`${counted(await missing(), 'training')} known to be left.`);
    if (shard) note(`Part ${shard.index} of ${shard.count}: the other parts belong to other machines.`);
    const outcome = await withDevice(flags, run);
    if (!shard)
      await writeCharts(
        paper,
        await ResultFolder.open(results, paper.id),
        figures,
        join(flags.runs, paper.id),
      );
    if (outcome === 'interrupted')
      throw new Interrupted('Interrupted. The same command continues where this one stopped.');
    if (outcome === 'budget') note('Time budget reached. The same command continues where this one stopped.');
    const others = await missing();
    if (shard && others > 0 && outcome === 'done')
      note(
        `${counted(others, 'training')} of other parts ${others === 1 ? 'is' : 'are'} left. Later ones may depend on them: run this command again when they are done.`,
      );
    if (shard)
      note(
        'Tables and charts are rebuilt by the command without --shard, once all results are in one folder.',
      );
    await list(paper, claims, results, flags.json ?? false);
  } finally {
    stopListening();
  }
}

function chooseClaims({ claims, name }: Paper, ids: readonly string[] | undefined): readonly Claim[] {
  if (!ids) return claims;
  return ids.map((id) => {
    const claim = claims.find((c) => c.id === id);
    if (claim) return claim;
    throw new UsageError({
      what: `${name} has no claim "${id}"`,
      expected: `one of ${claims.map((c) => c.id).join(', ')}`,
      got: `"${id}"`,
      next: didYouMean(
        id,
        claims.map((c) => c.id),
        'see them with --list',
      ),
    });
  });
}

/** Prints the claims with their verdicts, and the remaining training runs. */
async function list(paper: Paper, claims: readonly Claim[], path: string, json: boolean): Promise<void> {
  const results = await ResultFolder.open(path, paper.id);
  const rows = claimRows({ ...paper, claims }, results);
  const jobs = missingJobs(claims, results);
  if (json) {
    for (const row of rows)
      printJson({
        event: 'claim',
        ...row,
        section: row.section.en,
        paperSays: row.paperSays.en,
        measured: row.measured.en,
      });
    for (const job of jobs)
      printJson({ event: 'missing', run: jobName(job), seconds: Math.round(job.variant.seconds) });
    return;
  }
  const head = ['Claim', 'Section', 'Verdict', 'Paper', 'Measured'];
  const lines = rows.map(({ id, section, verdict, paperSays, measured, reason }) => [
    id,
    section.en,
    verdict,
    paperSays.en,
    measured.en || (reason ? `(${reason.en})` : ''),
  ]);
  for (const line of table([head, ...lines], 'lllll')) print(line);
  if (jobs.length === 0) return;
  print('\nRemaining training runs, as far as known (on two cores):');
  for (const line of table(
    jobs.map((job) => [jobName(job), clock(job.variant.seconds)]),
    'lr',
  ))
    print(`  ${line}`);
  const total = jobs.reduce((sum, { variant }) => sum + variant.seconds, 0);
  print(`  about ${clock(total)} in total`);
}

/** Prints plain lines, on a terminal too, because a reproduction runs for hours and its log is read later. */
class JobScreen implements Watcher {
  #lineAt = 0;

  begin(job: Parameters<NonNullable<Watcher['begin']>>[0], plan: JobPlan): void {
    this.#line(`${jobName(job)}: begins; ${left(plan)}`);
  }

  step(job: Parameters<NonNullable<Watcher['step']>>[0], step: number, total: number): void {
    if (performance.now() - this.#lineAt > LINE_MS) this.#line(`${jobName(job)}: step ${step} of ${total}`);
  }

  epoch(...[job, event, plan]: Parameters<NonNullable<Watcher['epoch']>>): void {
    const { epoch, trainLoss } = event;
    const errors = isClassified(event)
      ? `training loss ${trainLoss.toFixed(3)}, error ${(100 - event.trainAccuracy).toFixed(1)} % · test error ${(100 - event.testAccuracy).toFixed(1)} %`
      : describeMetrics(event);
    this.#line(
      `${jobName(job)}: epoch ${epoch} of ${job.variant.training.epochs} · ${errors} · ${left(plan)}`,
    );
  }

  end(...[job, { seconds }]: Parameters<NonNullable<Watcher['end']>>): void {
    this.#line(`${jobName(job)}: done in ${clock(seconds)}`);
  }

  note(text: string): void {
    this.#line(text);
  }

  #line(text: string): void {
    this.#lineAt = performance.now();
    print(`[${new Date().toISOString().slice(11, 19)}] ${text}`);
  }
}

const left = ({ jobs, seconds }: JobPlan): string =>
  `${counted(jobs.length, 'training')} known to be left, about ${clock(seconds)}`;

const jsonWatcher: Watcher = {
  begin: (job, { jobs, seconds }) =>
    printJson({ event: 'begin', run: jobName(job), jobsLeft: jobs.length, secondsLeft: Math.round(seconds) }),
  epoch: (job, event) => printJson({ run: jobName(job), ...event }),
  end: (_, { variant, seed, seconds }) => printJson({ event: 'end', run: `${variant}-seed${seed}`, seconds }),
};
