import type { Language } from '../display/languages.js';
import { ofUsual, peerPrecision, peerVersion, type Result, type StepTiming } from './result.js';

const BEGIN = '<!-- speed: written by "paperweight bench table" -->';
const END = '<!-- /speed -->';

const WORDS = {
  en: {
    head: ['What', 'Paperweight', 'Number type', 'Peer', 'Peer’s number type', 'Ratio'],
    step: (r: StepTiming) =>
      `${r.what === 'train' ? 'A training step' : 'A forward pass'}${ofUsual(r) ? '' : ` of ${r.paper} ${r.preset} on the ${r.device.engine} device`}, batch ${r.batch}${ofUsual(r) ? (r.norm === 'lrn' ? ', with LRN' : ', without LRN') : ''}${r.threads === 1 ? ', 1 thread' : ''}`,
    rate: (r: StepTiming) =>
      `${r.imagesPerSecond.toFixed(0)} images/s, ${r.gflops.toFixed(0)} GFLOP/s${r.sgemmGflops === null ? '' : ` (sgemm: ${r.sgemmGflops.toFixed(0)})`}`,
    impossible: 'impossible',
    scaled: (from: number) => `, measured at batch ${from} and scaled`,
    times: (n: string) => `${n} times as long`,
    faster: (n: string) => `${n} times as many with Paperweight`,
    plain: 'CIFAR-10 loader, in order',
    augmented: 'CIFAR-10 loader, shuffled, cropped and mirrored',
    images: (n: string) => `${n} images/s`,
    share: (n: string) => `${n} % of a training step`,
    imageTypes: 'uint8 to float32',
    help: '`paperweight --help`',
    first: (batch: number) => `From process start to the end of the first step, batch ${batch}`,
    compile: (n: string) => `of which compiling takes ${n}; the second step compiles nothing`,
    overhead: 'Overhead of a step of a small network beyond its primitives',
    network: (name: string, batch: number) => `A training step of ${name}, batch ${batch}`,
    alone: (n: string) => `node alone: ${n}`,
  },
  zh: {
    head: ['项目', 'Paperweight', '数值类型', '对照', '对照的数值类型', '倍数'],
    step: (r: StepTiming) =>
      `${ofUsual(r) ? '' : `${r.paper} ${r.preset} 在 ${r.device.engine} 设备上的`}${r.what === 'train' ? '一步训练' : '一次前向传播'}，批大小 ${r.batch}${ofUsual(r) ? (r.norm === 'lrn' ? '，含 LRN' : '，不含 LRN') : ''}${r.threads === 1 ? '，1 个线程' : ''}`,
    rate: (r: StepTiming) =>
      `每秒 ${r.imagesPerSecond.toFixed(0)} 张图像，${r.gflops.toFixed(0)} GFLOP/s${r.sgemmGflops === null ? '' : `（sgemm：${r.sgemmGflops.toFixed(0)}）`}`,
    impossible: '无法运行',
    scaled: (from: number) => `，在批大小 ${from} 上测量后折算`,
    times: (n: string) => `${n} 倍的时间`,
    faster: (n: string) => `Paperweight 是其 ${n} 倍`,
    plain: 'CIFAR-10 加载，按顺序',
    augmented: 'CIFAR-10 加载，打乱、裁剪、翻转',
    images: (n: string) => `每秒 ${n} 张图像`,
    share: (n: string) => `占一步训练的 ${n} %`,
    imageTypes: 'uint8 到 float32',
    help: '`paperweight --help`',
    first: (batch: number) => `从启动到第一步完成，批大小 ${batch}`,
    compile: (n: string) => `其中编译 ${n}；第二步不再编译`,
    overhead: '小网络一步中算子以外的开销',
    network: (name: string, batch: number) => `${name} 的一步训练，批大小 ${batch}`,
    alone: (n: string) => `单独启动 node：${n}`,
  },
} as const;

const time = (s: number): string =>
  s < 0.01 ? `${(s * 1000).toFixed(2)} ms` : s < 1 ? `${(s * 1000).toFixed(0)} ms` : `${s.toFixed(2)} s`;
const range = ({ min, max }: { min: number; max: number }): string => `(${time(min)}–${time(max)})`;

/** The latest result of each measurement. */
export function newest(results: readonly Result[]): Result[] {
  const kept = new Map<string, Result>();
  for (const result of [...results].sort((a, b) => (a.date < b.date ? -1 : 1))) {
    const key = JSON.stringify(
      result.what === 'train' || result.what === 'infer'
        ? [
            result.what,
            result.batch,
            ...(ofUsual(result) ? [] : [result.paper, result.preset, result.device.engine]),
            result.norm,
            result.precision,
            result.threads,
            result.peer && [result.peer.name, peerVersion(result), result.peer.mode],
          ]
        : [
            result.what,
            'batch' in result ? result.batch : 0,
            result.threads,
            'precision' in result ? result.precision : '',
          ],
    );
    kept.set(key, result);
  }
  const order = ['train', 'infer', 'data', 'start', 'step-overhead', 'suite'];
  return [...kept.values()].sort(
    (a, b) =>
      isOther(a) - isOther(b) ||
      order.indexOf(a.what) - order.indexOf(b.what) ||
      batchOf(b) - batchOf(a) ||
      nameOf(a).localeCompare(nameOf(b)),
  );
}

const isOther = (result: Result): number =>
  Number((result.what === 'train' || result.what === 'infer') && !ofUsual(result));
const batchOf = (result: Result): number => ('batch' in result ? result.batch : 0);
const nameOf = (result: Result): string =>
  'peer' in result && result.peer ? `${result.norm} ${result.peer.name} ${result.peer.mode}` : '';

function stepRow(r: StepTiming, language: Language): string[] {
  const w = WORDS[language];
  const ours = `**${time(r.secondsPerStep)}** ${range(r.spread)}; ${w.rate(r)}`;
  const own = [w.step(r), ours, r.precision];
  if (!r.peer) return [...own, '', '', ''];
  if ('impossible' in r.peer) return [...own, `${r.peer.name} ${r.peer.mode}: ${w.impossible}`, '', ''];
  const { version, mode, secondsPerStep, spread, measuredBatch } = r.peer;
  const scaled = measuredBatch < r.batch ? w.scaled(measuredBatch) : '';
  return [
    ...own,
    `${version} (${mode}${scaled}): ${time(secondsPerStep)} ${range(spread)}`,
    peerPrecision(mode),
    w.times((r.ratio ?? 0).toFixed(2)),
  ];
}

function rowsOf(result: Result, language: Language): string[][] {
  const w = WORDS[language];
  switch (result.what) {
    case 'train':
    case 'infer':
      return [stepRow(result, language)];
    case 'data':
      return result.cases.map((one) => [
        w[one.name],
        `**${w.images(one.imagesPerSecond.toFixed(0))}**; ${w.share((100 * one.shareOfStep).toFixed(1))}`,
        w.imageTypes,
        one.peer ? `${one.peer.version}: ${w.images(one.peer.imagesPerSecond.toFixed(0))}` : '',
        one.peer ? w.imageTypes : '',
        one.ratio === undefined ? '' : w.faster(one.ratio.toFixed(2)),
      ]);
    case 'start':
      return [
        [w.help, `**${time(result.help)}**`, '', w.alone(time(result.nodeAlone)), '', ''],
        [
          w.first(result.batch),
          `**${time(result.firstStepDone)}**`,
          '',
          w.compile(time(result.compileSeconds)),
          '',
          '',
        ],
      ];
    case 'step-overhead':
      return [[w.overhead, `**${time(result.overheadMs / 1000)}**`, '', '', '', '']];
    case 'gpu':
      // It prints a table of its own.
      return [];
    case 'suite':
      return result.cases.map(({ network, batch, spread, peer, ratio }) => [
        w.network(network, batch),
        `**${time(spread.median)}** ${range(spread)}`,
        result.precision,
        peer ? `${peer.version} (eager): ${time(peer.spread.median)} ${range(peer.spread)}` : '',
        peer ? result.precision : '',
        ratio === undefined ? '' : w.times(ratio.toFixed(2)),
      ]);
  }
}

/** The results as a Markdown table, with the latest of each kind. */
export function speedTable(results: readonly Result[], language: Language): string {
  const rows = newest(results).flatMap((result) => rowsOf(result, language));
  const line = (cells: readonly string[]) => `| ${cells.map((c) => c.replaceAll('|', '\\|')).join(' | ')} |`;
  const { head } = WORDS[language];
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Replaces the table between a text's markers; undefined if it has no markers. */
export function withTable(text: string, table: string): string | undefined {
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) return undefined;
  return `${text.slice(0, from)}${BEGIN}\n\n${table}\n\n${text.slice(to)}`;
}

export const MARKERS = `${BEGIN} … ${END}`;
