import { z } from 'zod';
import { evenlySpaced } from '../../display/evenly-spaced.js';
import type { LoggedHistogram } from '../api.js';
import { FileAnswer } from '../http/file-answer.js';
import { wholeParam } from '../http/query.js';
import { RequestError } from '../http/request-error.js';
import type { Handlers } from '../http/router.js';
import { EventFiles } from '../metrics/event-files.js';
import type { RunRoutes } from '../route-table.js';
import type { Runs } from '../runs/runs.js';
import { lastLines, parseJson } from '../runs/tail.js';

type LoggedRoutes = Pick<
  RunRoutes,
  'GET /api/runs/:id/histograms' | 'GET /api/runs/:id/images' | 'GET /api/runs/:id/images/:index'
>;

/** Bytes of histograms that are read, from the end. */
const BYTES = 2 ** 24;
const KEPT = 64;

const lineSchema = z.object({
  step: z.number().int().nonnegative(),
  name: z.string(),
  histogram: z.object({ min: z.number(), max: z.number(), counts: z.array(z.number()).max(1000) }),
});

const TYPES = [
  ['image/png', [0x89, 0x50, 0x4e, 0x47]],
  ['image/jpeg', [0xff, 0xd8, 0xff]],
  ['image/gif', [0x47, 0x49, 0x46, 0x38]],
  ['image/webp', [0x52, 0x49, 0x46, 0x46]],
] as const;

/** Handlers for images and distributions that programs logged. */
export function loggedRoutes(runs: Runs): Handlers<keyof LoggedRoutes> {
  const images = async (id: string) => {
    const scalars = await (await runs.live(id)).scalars();
    return scalars instanceof EventFiles ? scalars.images : [];
  };
  return {
    'GET /api/runs/:id/histograms': async ({ params }) => {
      const live = await runs.live(params.id);
      const scalars = await live.scalars();
      if (scalars instanceof EventFiles) return scalars.histograms;
      const lines = await lastLines(live.folder, 'histograms.jsonl', BYTES);
      return someOfEach(lines.flatMap((line) => lineSchema.safeParse(parseJson(line)).data ?? []));
    },
    'GET /api/runs/:id/images': async ({ params }) =>
      (await images(params.id)).map(({ name, step }, index) => ({ name, step, index })),
    'GET /api/runs/:id/images/:index': async ({ params }) => {
      const index = wholeParam('index', params.index);
      const image = (await images(params.id))[index];
      const type = TYPES.find(([, magic]) => magic.every((byte, i) => image?.bytes[i] === byte))?.[0];
      if (image && type) return new FileAnswer(type, image.bytes, 'no-cache');
      throw new RequestError(404, { what: 'The run has no such image', next: 'see the list of its images' });
    },
  };
}

/** At most {@link KEPT} of each name, evenly spaced, including the first and the last. */
function someOfEach(all: readonly LoggedHistogram[]): LoggedHistogram[] {
  const names = new Map<string, LoggedHistogram[]>();
  for (const each of all) names.set(each.name, [...(names.get(each.name) ?? []), each]);
  return [...names.values()].flatMap((some) => evenlySpaced(some.length, KEPT).map((i) => some[i]!));
}
