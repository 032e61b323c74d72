import { printable } from '../../errors/printable.js';
import { imageBody } from '../http/body.js';
import { FileAnswer } from '../http/file-answer.js';
import { wholeParam } from '../http/query.js';
import { RequestError } from '../http/request-error.js';
import type { Call, Handlers } from '../http/router.js';
import type { Inference } from '../inference/client.js';
import type { ImageSource, Weights } from '../inference/protocol.js';
import { Surveys } from '../inference/surveys.js';
import type { ModelRoutes, RouteWith } from '../route-table.js';
import { fileInside } from '../runs/path-containment.js';
import { readState } from '../runs/run-state.js';
import type { Runs } from '../runs/runs.js';

const MAX_INDEX = 10_000_000;
/** Number of classes in a prediction. */
const TOP = 10;

/** Handlers for a run's model. */
export function modelRoutes(runs: Runs, inference: Inference): Handlers<keyof ModelRoutes> {
  const surveys = new Surveys(inference);
  return {
    'GET /api/runs/:id/model': async ({ params }) =>
      inference.ask('model', { run: await runs.folder(params.id) }),
    'POST /api/runs/:id/features': async (call) => {
      const layer = call.query.text('layer') ?? '';
      const weights = await weightsOf(await runs.folder(call.params.id));
      const image = await imageOf(call);
      const { grey, ...rest } = await inference.ask('features', { weights, image, layer });
      return { ...rest, grey: Buffer.from(grey).toString('base64') };
    },
    'POST /api/runs/:id/predict': async (call) => {
      const weights = await weightsOf(await runs.folder(call.params.id));
      const image = await imageOf(call);
      const predicted = await inference.ask('predict', { weights, image });
      const { classes, probabilities, label } = predicted;
      const top = classes.map((name, i) => ({ label: printable(name), probability: probabilities[i]! }));
      return {
        top: top.sort((a, b) => b.probability - a.probability).slice(0, TOP),
        ...(label === undefined ? {} : { label: printable(classes[label] ?? '') }),
        ...surveys.neighbours(weights, predicted),
        weights: weights.file,
      };
    },
    'GET /api/runs/:id/onnx': async ({ params }) => {
      const weights = await weightsOf(await runs.folder(params.id));
      const bytes = await inference.ask('onnx', { weights });
      return new FileAnswer('application/octet-stream', bytes, 'no-store');
    },
    'GET /api/runs/:id/confusion': async ({ params }) =>
      surveys.confusion(await weightsOf(await runs.folder(params.id))),
    'GET /api/images/:run/:index': async ({ params }) => {
      const index = wholeParam('index', params.index);
      const bytes = await inference.ask('image', { run: await runs.folder(params.run), index });
      return new FileAnswer('image/png', bytes, 'private, max-age=3600');
    },
  };
}

async function imageOf({ request, query }: Call<RouteWith<'image'>>): Promise<ImageSource> {
  const index = query.whole('index', 0, MAX_INDEX);
  return index === undefined ? { bytes: await imageBody(request) } : { index };
}

/** The best weights of a run, otherwise the latest. */
async function weightsOf(run: string): Promise<Weights> {
  const state = await readState(run);
  const name = state?.best?.file ?? state?.latest;
  const file = name === undefined ? undefined : await fileInside(run, 'checkpoints', name);
  if (name !== undefined && file)
    return { run, file: name, version: `${file.stats.mtimeMs}/${file.stats.size}/${file.stats.ino}` };
  throw new RequestError(409, {
    what: 'The run has no weights yet',
    expected: 'at least one checkpoint',
    got: 'none',
    next: 'wait for its first checkpoint',
  });
}
