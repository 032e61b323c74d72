import { FileAnswer } from '../http/file-answer.js';
import { wholeParam } from '../http/query.js';
import { RequestError } from '../http/request-error.js';
import type { Handlers } from '../http/router.js';
import { EventFiles } from '../metrics/event-files.js';
import type { RunRoutes } from '../route-table.js';
import { histogramsOf } from '../runs/logged-histograms.js';
import type { Runs } from '../runs/runs.js';

type LoggedRoutes = Pick<
  RunRoutes,
  'GET /api/runs/:id/histograms' | 'GET /api/runs/:id/images' | 'GET /api/runs/:id/images/:index'
>;

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
      return histogramsOf(live.folder, await live.scalars());
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
