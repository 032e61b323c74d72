import {
  histogram,
  image,
  restartEvent,
  scalar,
  settings,
  summaryEvent,
  versionEvent,
} from '../../src/report/tensorboard/event.js';
import { parseEvent } from '../../src/serve/metrics/event-record.js';
import { must, type Target } from '../target.js';

const BARS = { counts: [1, 0, 3], min: -1, max: 2 };
const PIXELS = { width: 2, height: 1, rgb: new Uint8Array(6) };

/** The events of other programs' TensorBoard files, without the frame of records. */
export const eventTarget: Target = {
  name: 'tensorboard-event',
  format: 'bytes',
  seeds: () => [
    versionEvent(1),
    restartEvent(2, 7),
    summaryEvent(3, 8, [scalar('loss', 0.5), histogram('w', BARS, { mean: 0, std: 1 })]),
    summaryEvent(3, 8, [
      histogram('w', { ...BARS, counts: [2, 1, Number.POSITIVE_INFINITY] }, { mean: 0, std: 1 }),
    ]),
    summaryEvent(4, 9, [image('a', PIXELS)]),
    summaryEvent(5, 0, [settings({ lr: 0.1, mirror: true, optimizer: 'adam' })]),
  ],
  words: [
    'scalars',
    'images',
    'histograms',
    Uint8Array.of(0x42, 0),
    Uint8Array.of(0x4a, 0),
    Uint8Array.of(0x1d),
  ],
  run(input) {
    const { values, restart } = parseEvent(input);
    for (const value of values) {
      must(value.tag !== '' && value.tag.length <= 1000, 'a name of another length');
      must(!/\p{Cc}/u.test(value.tag), 'control characters in a name');
      if (value.kind === 'image') must(value.bytes.length <= input.length, 'an image beyond the event');
      if (value.kind === 'settings')
        for (const [name, one] of Object.entries(value.settings)) {
          must(name !== '' && !/\p{Cc}/u.test(name), 'a name of a setting');
          must(typeof one !== 'number' || Number.isFinite(one), 'a setting that is NaN or infinite');
        }
      if (value.kind !== 'histogram') continue;
      const { min, max, counts } = value.histogram;
      must(counts.length >= 1 && counts.length <= 64, 'another number of bars');
      must([min, max, ...counts].every(Number.isFinite), 'a histogram with NaN or infinity');
    }
    const kinds = [...new Set(values.map(({ kind }) => kind))].sort();
    return `${kinds.join()} ${restart ? 'restart' : ''}`;
  },
};
