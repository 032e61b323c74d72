import type { ProfileRow } from '../../backend/backend.js';
import { byLayer, profileLines } from '../../bench/profile.js';
import type {
  DataResult,
  GpuResult,
  OverheadResult,
  Result,
  StartResult,
  StepTiming,
  SuiteResult,
} from '../../bench/result.js';
import type { Spread } from '../../bench/stats.js';
import { counted, grouped } from '../../errors/counted.js';
import { fittedTable, leftOutLine, table } from '../terminal/output.js';

const time = (s: number): string => (s < 1 ? `${(s * 1000).toFixed(1)} ms` : `${s.toFixed(2)} s`);
const between = ({ q1, q3, min, max }: Spread): string =>
  `${time(q1)}–${time(q3)} (${time(min)}–${time(max)})`;

function fitted(...args: Parameters<typeof fittedTable>): string[] {
  const all = fittedTable(...args);
  return [...all.lines, ...leftOutLine(all)];
}

/** A result as text. */
export function resultText(result: Result): string[] {
  switch (result.what) {
    case 'train':
    case 'infer':
      return stepText(result);
    case 'data':
      return dataText(result);
    case 'start':
      return startText(result);
    case 'step-overhead':
      return overheadText(result);
    case 'suite':
      return suiteText(result);
    case 'gpu':
      return gpuText(result);
  }
}

function stepText(r: StepTiming): string[] {
  const kind = r.what === 'train' ? 'Training step' : 'Forward pass';
  const norm = r.norm === 'lrn' ? 'with LRN' : 'without LRN';
  const rows = [['', 'median', 'quartiles (range)', 'images/s', 'GFLOP/s', 'peak MiB']];
  const row = (
    name: string,
    v: Pick<StepTiming, 'secondsPerStep' | 'spread' | 'imagesPerSecond' | 'gflops' | 'peakRssMiB'>,
  ) =>
    rows.push([
      name,
      time(v.secondsPerStep),
      between(v.spread),
      v.imagesPerSecond.toFixed(1),
      v.gflops.toFixed(0),
      grouped(v.peakRssMiB),
    ]);
  row('paperweight', r);
  if (r.peer && 'version' in r.peer) row(`${r.peer.version} (${r.peer.mode})`, r.peer);
  const lines = [
    `${kind} of ${r.paper}/${r.preset} ${norm}, batch ${r.batch}, ${r.precision}, ${counted(r.threads, 'thread')}; ${r.device.engine} ${r.device.version} (${r.device.isa ?? 'any processor'})`,
    '',
    ...fitted(rows, 'lrrrrr', [5, 4, 2]),
    '',
  ];
  if (r.peer && 'impossible' in r.peer)
    lines.push(`${r.peer.name} (${r.peer.mode}): not possible. ${r.peer.impossible}`);
  if (r.peer && 'measuredBatch' in r.peer && r.peer.measuredBatch < r.batch)
    lines.push(`The peer ran with batch ${r.peer.measuredBatch}; its times are scaled to ${r.batch}.`);
  if (r.ratio !== undefined && r.roundRatio)
    lines.push(
      `Ratio ${r.ratio.toFixed(2)} (per round ${r.roundRatio.median.toFixed(2)}, ${r.roundRatio.min.toFixed(2)}–${r.roundRatio.max.toFixed(2)}): the peer’s time divided by Paperweight’s.`,
    );
  if (r.sgemmGflops !== null)
    lines.push(
      `sgemm in the same rounds: ${r.sgemmGflops.toFixed(0)} GFLOP/s; Paperweight reaches ${((100 * r.gflops) / r.sgemmGflops).toFixed(0)} % of it.`,
    );
  if (r.what === 'infer') lines.push(`Latency: p50 ${time(r.latency.p50)}, p95 ${time(r.latency.p95)}.`);
  lines.push(
    `Compiling took ${time(r.compileSeconds)}; intermediate values take ${grouped(r.arenaMiB)} MiB.`,
  );
  return lines;
}

function dataText(r: DataResult): string[] {
  const rows = r.cases.map((one) => [
    one.name,
    one.imagesPerSecond.toFixed(0),
    one.peer ? one.peer.imagesPerSecond.toFixed(0) : '',
    one.ratio === undefined ? '' : one.ratio.toFixed(2),
    `${(100 * one.shareOfStep).toFixed(2)} %`,
  ]);
  const beside = r.cases[0]?.peer?.version ?? 'no peer';
  return [
    `CIFAR-10’s training images, batches of ${r.batch}, ${counted(r.rounds, 'epoch')} each; images/s`,
    '',
    ...fitted([['', 'paperweight', beside, 'ratio', 'of a training step'], ...rows], 'lrrrr', [4]),
  ];
}

function startText(r: StartResult): string[] {
  return [
    `Times from process start, batch ${r.batch}, ${counted(r.threads, 'thread')}`,
    '',
    ...table(
      [
        ['node alone', time(r.nodeAlone)],
        ['paperweight --help', time(r.help)],
        ['device opened', time(r.deviceOpened)],
        ['first step done', time(r.firstStepDone)],
        ['  the step itself', time(r.firstStep)],
        ['  of which compiling', time(r.compileSeconds)],
        ['second step', time(r.secondStep)],
      ],
      'lr',
    ),
    '',
    r.plansAfterFirst === r.plansAfterSecond
      ? 'The second step compiled nothing.'
      : `The second step compiled ${counted(r.plansAfterSecond - r.plansAfterFirst, 'plan')}.`,
  ];
}

function suiteText(r: SuiteResult): string[] {
  const rows = [['network', 'batch', 'paperweight', 'peak MiB', 'PyTorch', 'peak MiB', 'ratio']];
  for (const { network, batch, spread, peakRssMiB, peer, ratio } of r.cases)
    rows.push([
      network,
      String(batch),
      time(spread.median),
      grouped(peakRssMiB),
      peer ? time(peer.spread.median) : '',
      peer ? grouped(peer.peakRssMiB) : '',
      ratio?.toFixed(2) ?? '',
    ]);
  const [first] = r.cases;
  const about = [first?.device, first?.peer?.version].filter(Boolean).join(' and ');
  return [
    `A training step in ${r.precision}, ${counted(r.threads, 'thread')}; ${about}. Medians of ${r.rounds} rounds; a ratio above 1: Paperweight is faster`,
    '',
    ...fitted(rows, 'lrrrrrr', [3, 5, 1]),
  ];
}

function gpuText({ adapter, rows }: GpuResult): string[] {
  const kind = adapter?.software ? ', a software adapter, which computes on the processor' : '';
  const lines = rows.map((row) =>
    'missing' in row
      ? [row.name, `not measured: ${row.missing}`, '']
      : [row.name, `${grouped(Number(row.value.toPrecision(3)))} ${row.unit}`, row.ratio?.toFixed(2) ?? ''],
  );
  return [
    adapter ? `${adapter.adapter}${kind}` : 'No WebGPU adapter',
    '',
    ...fitted([['', 'measured', 'ratio'], ...lines], 'llr', [2]),
    '',
    'Networks: time of a step. A ratio above 1: Paperweight is faster than this peer.',
  ];
}

const overheadText = (r: OverheadResult): string[] => [
  `A training step of the small network, batch ${r.batch}: ${time(r.stepMs.median / 1000)}, of which ${time(r.primitivesMs.median / 1000)} in primitives.`,
  `Overhead beyond the primitives: ${r.overheadMs.toFixed(2)} ms.`,
];

/** One step by layer, then row by row. */
export function profileText(profile: readonly ProfileRow[]): string[] {
  const total = profile.reduce((sum, row) => sum + row.milliseconds, 0);
  const rate = (macs: number, ms: number) => (macs === 0 || ms === 0 ? '' : ((2e-6 * macs) / ms).toFixed(0));
  const layers = byLayer(profile).map((layer) => [
    layer.scope || '(outside layers)',
    layer.milliseconds.toFixed(2),
    rate(layer.macs, layer.milliseconds),
    `${((100 * layer.milliseconds) / total).toFixed(1)} %`,
  ]);
  const lines = profileLines(profile).map((line) => [
    line.scope,
    line.op,
    line.milliseconds.toFixed(2),
    rate(line.macs, line.milliseconds),
    `${(100 * line.share).toFixed(1)} %`,
    line.kernel,
    line.layouts?.join(', ') ?? '',
  ]);
  return [
    '',
    ...table([['Layer', 'ms', 'GFLOP/s', 'share'], ...layers], 'lrrr'),
    '',
    ...fitted(
      [['Layer', 'operation', 'ms', 'GFLOP/s', 'share', 'kernel', 'layouts'], ...lines],
      'llrrrll',
      [6, 5, 3, 4],
    ),
    '',
    `Total: ${total.toFixed(1)} ms in ${counted(profile.length, 'row')}.`,
  ];
}
