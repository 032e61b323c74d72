import { parseArgs } from 'node:util';
import { serve } from '@hono/node-server';
import { Classifier, PaperweightError } from 'paperweight';
import { createService, LIMITS } from './app.js';
import { batchSizes, warmUp } from './model.js';

const HELP = `node dist/main.js <run-or-weights> [options]

  --port <n>          8080 unless given; 0 takes a free one
  --host <name>       127.0.0.1 unless given
  --max-batch <n>     images of one forward pass; ${LIMITS.maxBatch} unless given, 1 turns batching off
  --max-wait <ms>     how long an image waits for others; ${LIMITS.maxWaitMs} unless given
  --max-queue <n>     requests in progress before others get 503; ${LIMITS.maxQueue} unless given
  --preset <name>     variant of the network, for a bare file of weights
  --classes <a,b,…>   names of the classes, for a bare file of weights
`;

/** How long requests in progress may take at the end, in milliseconds. */
const PATIENCE = 10_000;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      port: { type: 'string', default: '8080' },
      host: { type: 'string', default: '127.0.0.1' },
      'max-batch': { type: 'string', default: String(LIMITS.maxBatch) },
      'max-wait': { type: 'string', default: String(LIMITS.maxWaitMs) },
      'max-queue': { type: 'string', default: String(LIMITS.maxQueue) },
      preset: { type: 'string' },
      classes: { type: 'string' },
    },
  });
  const [path] = positionals;
  if (path === undefined || positionals.length > 1) {
    process.stderr.write(HELP);
    process.exitCode = 2;
    return;
  }
  const number = (name: 'port' | 'max-batch' | 'max-wait' | 'max-queue', least: number): number => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value >= least && value < 2 ** 16) return value;
    throw new TypeError(`--${name} must be a whole number from ${least} on; got ${values[name]}`);
  };
  const limits = {
    ...LIMITS,
    maxBatch: number('max-batch', 1),
    maxWaitMs: number('max-wait', 0),
    maxQueue: number('max-queue', 1),
  };
  const port = number('port', 0);

  const classifier = await Classifier.open(path, {
    ...(values.preset === undefined ? {} : { preset: values.preset }),
    ...(values.classes === undefined ? {} : { classes: values.classes.split(',') }),
  });
  await warmUp(classifier, batchSizes(limits.maxBatch));
  const { app, drain } = createService(classifier, limits);
  const server = serve({ fetch: app.fetch, port, hostname: values.host }, (address) => {
    console.log(`Listening on http://${values.host}:${address.port}`);
  });

  const stop = async () => {
    const late = setTimeout(() => process.exit(1), PATIENCE);
    late.unref();
    // Connections that are open still get an answer: a 503 for what is new.
    server.close();
    await drain();
    await classifier.close();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop());
}

main().catch((error: unknown) => {
  console.error(
    error instanceof PaperweightError || error instanceof TypeError ? `error: ${error.message}` : error,
  );
  process.exitCode = 1;
});
