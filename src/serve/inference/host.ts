import { constants, setPriority } from 'node:os';
import { errorToPlain } from '../../errors/errors.js';
import { CurrentModel } from './current-model.js';
import type { Operation, Operations, Reply, Request } from './protocol.js';

/*
 * The dashboard's inference process. It runs at the lowest priority with one thread, so that it does not slow down a
 * training, and a crash does not affect the server.
 */
setPriority(constants.priority.PRIORITY_LOW);
// The server has exited.
process.on('disconnect', () => process.exit(0));
// Ctrl-C in the terminal reaches this process too, but the server decides when it ends.
process.on('SIGINT', () => {});

const current = new CurrentModel();
const reply = (message: Reply): void => void process.send?.(message);

type Handlers = {
  [O in Operation]: (
    args: Operations[O]['args'],
    progress: (done: number, total: number) => void,
  ) => Promise<Operations[O]['value']>;
};
const handlers: Handlers = {
  model: ({ run }) => current.model(run),
  image: ({ run, index }) => current.png(run, index),
  features: ({ weights, image, layer }) => current.features(weights, image, layer),
  predict: ({ weights, image }) => current.predict(weights, image),
  onnx: ({ weights }) => current.onnx(weights),
  survey: ({ weights, from, to }, progress) => current.survey(weights, from, to, progress),
};

process.on('message', ({ id, operation, args }: Request) => {
  const handler = handlers[operation] as Handlers[Operation];
  handler(args as never, (done, total) => reply({ id, progress: { done, total } })).then(
    (value) => reply({ id, value }),
    (error) => reply({ id, error: errorToPlain(error) }),
  );
});
