import { parseLine } from '../../src/files/json-line.js';
import { insightSchema, logLineSchema, metricsSchema } from '../../src/run/event-lines.js';
import type { EpochEvent, Insight, StepEvent } from '../../src/run/events.js';
import { isBefore, parseLines } from '../../src/run/run-files.js';
import { Columns, SERIES_KEYS } from '../../src/serve/metrics/columns.js';
import { eventText, scanLines, stepValues } from '../../src/serve/metrics/lines.js';
import { sampleSource } from '../../src/serve/metrics/sample.js';
import { skimSource } from '../../src/serve/metrics/skim.js';
import { FIELDS, readStepLine } from '../../src/serve/metrics/step-line.js';
import { parseCursor } from '../../src/serve/runs/live-run.js';
import { insightsAtEvenDistances } from '../../src/serve/runs/sample-insights.js';
import { parseJson } from '../../src/serve/runs/tail.js';
import { bytesOf, sourceOf, textOf } from '../bytes.js';
import { must, type Target } from '../target.js';

const step = (number: number) => ({
  event: 'step',
  epoch: 1,
  step: number,
  loss: 2.25,
  lr: 0.01,
  imagesPerSecond: 101.5,
  stepSeconds: 0.25,
  dataSeconds: 1e-7,
  rssMiB: 900,
});
const EPOCH = {
  event: 'epoch',
  epoch: 1,
  step: 3,
  trainLoss: 1.5,
  trainAccuracy: 40,
  testLoss: 1.4,
  testAccuracy: 41,
  testTop5: 90,
  testImages: 21,
  seconds: 2,
};
const DONE = {
  event: 'done',
  run: 'runs/a',
  step: 4,
  testAccuracy: 41,
  testTop5: 90,
  testImages: 21,
  seconds: 9,
};
const INSIGHT = {
  event: 'insight',
  step: 100,
  parameters: [{ name: 'features.0.weight', gradNorm: 0.5, norm: null }],
  activations: [
    {
      name: 'features.1',
      kind: 'ReLU',
      units: 64,
      dead: 0,
      active: 0.5,
      mean: 0.1,
      std: null,
      histogram: { min: 0, max: 1, counts: [1, 2] },
    },
  ],
};
const LOG = [
  { event: 'note', step: 1, text: 'a' },
  { event: 'line', step: 2, text: 'b\u2028' },
];

const jsonl = (...values: readonly unknown[]): Uint8Array =>
  bytesOf(values.map((value) => `${JSON.stringify(value)}\n`).join(''));

/** The hand-written line parser must agree with JSON.parse. */
function compare(line: string): void {
  const bytes = bytesOf(`${line}\n`);
  const values = new Float64Array(FIELDS.length);
  const next = readStepLine(bytes, 0, values);
  if (next < 0) return;
  must(next === bytes.length, 'a line that ends elsewhere');
  const value = JSON.parse(line) as Record<string, number>;
  for (const [i, field] of FIELDS.entries()) {
    const [mine, right] = [values[i]!, value[field]!];
    must(Math.abs(mine - right) <= 1e-13 * Math.abs(right) + 5e-324, `${field} is read as another number`);
  }
}

const all = (values: readonly unknown[]): boolean => values.every((value) => Number.isFinite(value));

export const lineTargets: readonly Target[] = [
  {
    name: 'metrics',
    format: 'lines',
    seeds: () => [jsonl(step(1), step(2), step(3), EPOCH, step(4), DONE), jsonl(step(1)), jsonl(EPOCH)],
    words: [
      '\n',
      '\r\n',
      'null',
      '{"event":"skip","epoch":1,"step":5,"where":"x"}',
      '{"event":"step","epoch":',
      ',"step":',
      ',"loss":',
      '1e999',
      '1e-400',
      '-0',
      'e+',
      '.',
    ],
    async run(input) {
      const bytes = Buffer.from(input.buffer, input.byteOffset, input.length);
      for (const line of textOf(input).split('\n').slice(0, -1)) compare(line);
      const columns = new Columns(SERIES_KEYS);
      const kinds = new Set<string>();
      let [lines, before] = [0, 0];
      const end = scanLines(bytes, (line) => {
        must(line.start === before && line.next > line.start, 'lines that do not follow each other');
        before = line.next;
        kinds.add(line.kind);
        const event = eventText(bytes, line, ++lines);
        must(event === '' || /^[^\n]*\n[^\n]*\n[^\n]*\n\n$/.test(event), 'an event of another shape');
        if (line.kind === 'step') {
          must(all([...stepValues]), 'a step with NaN or infinity');
        }
        if (line.kind === 'step' || line.kind === 'gap') columns.push(stepValues[1]!, stepValues, 2);
        return true;
      });
      must(end === bytes.lastIndexOf(0x0a) + 1, 'lines that were not visited');
      const series = columns.series(SERIES_KEYS, 0, 0xffff_fffe, 7);
      const query = { keys: SERIES_KEYS, from: 0, to: 0xffff_fffe, points: 7 };
      const sampled = await sampleSource(sourceOf(input), input.length, query);
      for (const { values } of [series, sampled])
        for (const { mean, min, max } of Object.values(values))
          must(
            all([...mean, ...min, ...max].filter((value) => value !== null)),
            'a series with NaN or infinity',
          );
      const { spark, lastStep } = await skimSource(sourceOf(input), input.length);
      must(all(spark), 'a sparkline with NaN or infinity');
      return `${[...kinds].sort().join()} ${lastStep ? 'steps' : ''}`;
    },
  },
  {
    name: 'run-lines',
    format: 'lines',
    seeds: () => [jsonl(step(1), EPOCH, DONE), jsonl(...LOG), jsonl(INSIGHT)],
    words: ['\n', 'null', '1', '[]', '{}'],
    run(input) {
      const text = textOf(input);
      const lines = parseLines(text, metricsSchema);
      // As the charts use them.
      const steps = lines.filter(({ event }) => event === 'step') as unknown as StepEvent[];
      const epochs = lines.filter(({ event }) => event === 'epoch') as unknown as EpochEvent[];
      for (const { step: at, loss } of steps) must(all([at, loss]), 'a step without numbers');
      // Only classifiers have an accuracy.
      for (const { epoch, trainLoss, testAccuracy = 0 } of epochs)
        must(all([epoch, trainLoss, testAccuracy]), 'an epoch without numbers');
      const insights = parseLines(text, insightSchema) as unknown as Insight[];
      for (const { activations } of insights)
        for (const { dead } of activations) must(Number.isFinite(dead), 'an insight without numbers');
      for (const line of text.split('\n')) {
        const parsed = parseLine(line);
        if (parsed) must(typeof isBefore(parsed, { step: 2, epoch: 1 }) === 'boolean', 'no answer');
      }
      return `${Math.min(steps.length, 3)} ${Math.min(epochs.length, 2)} ${Math.min(insights.length, 2)}`;
    },
  },
  {
    name: 'journals',
    format: 'lines',
    seeds: () => [jsonl(...LOG), jsonl(INSIGHT, INSIGHT)],
    words: ['\n', 'insight', 'note', 'line'],
    run(input) {
      const lines = textOf(input).split('\n');
      const insights = insightsAtEvenDistances(lines, 5, false);
      must(insights.length <= 5, 'more insights than were asked for');
      for (const insight of insights) {
        must(
          insightSchema.safeParse(JSON.parse(JSON.stringify(insight))).success,
          'an insight that cannot be sent',
        );
        must(
          all([insight.step, ...insight.activations.map(({ dead }) => dead)]),
          'an insight without numbers',
        );
      }
      const said = lines.flatMap((line) => logLineSchema.safeParse(parseJson(line)).data ?? []);
      for (const { step: at } of said) must(Number.isFinite(at), 'a line without a step');
      return `${Math.min(insights.length, 2)} ${Math.min(said.length, 2)}`;
    },
  },
  {
    name: 'event-cursor',
    format: 'bytes',
    seeds: () => ['12-0123abcd', '7', '999999999999999'].map(bytesOf),
    words: ['-', '00000000', '1e3', '\u0660'],
    run(input) {
      const cursor = parseCursor(textOf(input));
      if (!cursor) return 'none';
      must(Number.isSafeInteger(cursor.line) && cursor.line >= 0, 'an invalid line number');
      return cursor.hash === undefined ? 'line' : 'line and hash';
    },
  },
];
