import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { CheckpointError, UsageError } from '../errors/errors.js';
import { writeFileAtomic } from '../files/atomic.js';
import { diskError } from '../files/disk-error.js';
import { makeFolder } from '../files/make-folder.js';

const seconds = z.number().nonnegative();

const spreadSchema = z.object({
  min: z.number(),
  q1: z.number(),
  median: z.number(),
  q3: z.number(),
  max: z.number(),
  samples: z.number().int().positive(),
});

const machineSchema = z.object({
  cpu: z.string(),
  cores: z.number().int().positive(),
  memoryGiB: z.number(),
  platform: z.string(),
  node: z.string(),
});

const head = {
  date: z.iso.datetime(),
  paperweight: z.string(),
  machine: machineSchema,
  threads: z.number().int().positive(),
};

const speed = {
  /** Median of `spread`. */
  secondsPerStep: seconds,
  spread: spreadSchema,
  imagesPerSecond: z.number(),
  /** Effective rate: the model's GFLOP, counted as direct convolutions, divided by the time. */
  gflops: z.number(),
  peakRssMiB: z.number(),
};

const measuredPeer = z.object({
  name: z.string(),
  version: z.string(),
  mode: z.string(),
  /** Batch size actually measured; if it is smaller than `batch`, times are scaled up. */
  measuredBatch: z.number().int().positive(),
  ...speed,
  /** Largest difference of a logit from ours, divided by the largest logit. */
  logitsDifference: z.number(),
});
const impossiblePeer = z.object({ name: z.string(), mode: z.string(), impossible: z.string() });

const stepSchema = z.object({
  what: z.enum(['train', 'infer']),
  paper: z.string(),
  preset: z.string(),
  norm: z.string(),
  batch: z.number().int().positive(),
  precision: z.string(),
  ...head,
  device: z.object({
    engine: z.string(),
    version: z.string(),
    isa: z.string().optional(),
    precision: z.string().optional(),
  }),
  rounds: z.number().int().positive(),
  steps: z.number().int().positive(),
  ...speed,
  /** The machine's single-precision matrix product in the same rounds; null if the device has none. */
  sgemmGflops: z.number().nullable(),
  gflopPerImage: z.number(),
  arenaMiB: z.number(),
  compileSeconds: seconds,
  latency: z.object({ p50: seconds, p95: seconds }),
  peer: z.union([measuredPeer, impossiblePeer]).optional(),
  /** Peer's median time divided by ours; above 1 means Paperweight is faster. */
  ratio: z.number().optional(),
  /** The same ratio per round. */
  roundRatio: spreadSchema.optional(),
});

const dataCaseSchema = z.object({
  name: z.enum(['plain', 'augmented']),
  imagesPerSecond: z.number(),
  spread: spreadSchema,
  /** Loading time divided by the time of a training step with as many images. */
  shareOfStep: z.number(),
  peer: z
    .object({ name: z.string(), version: z.string(), imagesPerSecond: z.number(), spread: spreadSchema })
    .optional(),
  ratio: z.number().optional(),
});
const dataSchema = z.object({
  what: z.literal('data'),
  ...head,
  batch: z.number().int().positive(),
  rounds: z.number().int().positive(),
  stepSeconds: seconds,
  cases: z.array(dataCaseSchema),
});

const startSchema = z.object({
  what: z.literal('start'),
  ...head,
  batch: z.number().int().positive(),
  /** Medians in seconds, from the start of the process. */
  nodeAlone: seconds,
  help: seconds,
  deviceOpened: seconds,
  firstStepDone: seconds,
  compileSeconds: seconds,
  firstStep: seconds,
  secondStep: seconds,
  plansAfterFirst: z.number().int(),
  plansAfterSecond: z.number().int(),
});

const overheadSchema = z.object({
  what: z.literal('step-overhead'),
  ...head,
  batch: z.number().int().positive(),
  stepMs: spreadSchema,
  primitivesMs: spreadSchema,
  /** Median over rounds of step time minus time in primitives. */
  overheadMs: z.number(),
});

const suiteSchema = z.object({
  what: z.literal('suite'),
  ...head,
  precision: z.string().default('float32'),
  rounds: z.number().int().positive(),
  /** Seconds of a training step, each side. */
  cases: z.array(
    z.object({
      network: z.string(),
      batch: z.number().int().positive(),
      device: z.string(),
      spread: spreadSchema,
      peakRssMiB: z.number(),
      peer: z
        .object({
          version: z.string(),
          spread: spreadSchema,
          peakRssMiB: z.number(),
          /** Largest relative difference of the losses of the first five steps. */
          lossDifference: z.number(),
        })
        .optional(),
      ratio: z.number().optional(),
    }),
  ),
});

const gpuSchema = z.object({
  what: z.literal('gpu'),
  ...head,
  /** Null without an adapter. */
  adapter: z
    .object({
      adapter: z.string(),
      /** Whether it is a software adapter. */
      software: z.boolean(),
      features: z.array(z.string()).readonly(),
      bufferBytes: z.number(),
      bindingBytes: z.number(),
      gflops: z.number().nullable(),
      /** With factors in float16; null on an adapter without it. */
      halfGflops: z.number().nullable().optional(),
    })
    .nullable(),
  rows: z.array(
    z.union([
      /** `ratio` is a peer's time divided by Paperweight's. */
      z.object({ name: z.string(), value: z.number(), unit: z.string(), ratio: z.number().optional() }),
      /** Why it was not measured. */
      z.object({ name: z.string(), missing: z.string() }),
    ]),
  ),
});

/** Result of a measurement: one JSON object per file in `bench/results/`. */
export const resultSchema = z.discriminatedUnion('what', [
  stepSchema,
  dataSchema,
  startSchema,
  overheadSchema,
  suiteSchema,
  gpuSchema,
]);
export type Result = z.infer<typeof resultSchema>;
export type StepTiming = z.infer<typeof stepSchema>;
export type DataResult = z.infer<typeof dataSchema>;
export type StartResult = z.infer<typeof startSchema>;
export type SuiteResult = z.infer<typeof suiteSchema>;
export type GpuResult = z.infer<typeof gpuSchema>;
export type OverheadResult = z.infer<typeof overheadSchema>;
export type ResultHead = Pick<StepTiming, 'date' | 'paperweight' | 'machine' | 'threads'>;

/** Undefined without a peer, or if the peer could not be measured. */
export const peerVersion = ({ peer }: StepTiming): string | undefined =>
  peer && 'version' in peer ? peer.version : undefined;

/** Number type that a peer multiplies in: all but the modes that say bf16 are float32. */
export const peerPrecision = (mode: string): string => (mode.includes('bf16') ? 'bfloat16' : 'float32');

/** Whether a result is one of the rows for onednn and the usual network, which do not name them. */
export const ofUsual = ({ device }: StepTiming): boolean => device.engine === 'onednn';

/** `train-128-lrn-2t-pytorch-2.15.0-eager-2026-11-24.json`; of other devices than onednn `train-32-PAPER-PRESET-wasm-2t-…` */
export function resultFile(result: Result): string {
  const parts: (string | number | undefined)[] = [result.what];
  if (result.what === 'train' || result.what === 'infer')
    parts.push(
      result.batch,
      ...(ofUsual(result) ? [result.norm] : [result.paper, result.preset, result.device.engine]),
      result.precision === 'float32' ? undefined : result.precision,
      `${result.threads}t`,
      result.peer?.name,
      // Without build suffixes.
      peerVersion(result)?.match(/\d+(\.\d+)*/)?.[0],
      result.peer?.mode,
    );
  if (result.what === 'suite' && result.precision !== 'float32') parts.push(result.precision);
  return `${[...parts, result.date.slice(0, 10)].filter((part) => part !== undefined && part !== '').join('-')}.json`;
}

export async function saveResult(folder: string, result: Result): Promise<string> {
  await makeFolder(folder).catch((error) => {
    throw diskError(error, `cannot make ${folder}`, CheckpointError);
  });
  const file = join(folder, resultFile(result));
  await writeFileAtomic(file, `${JSON.stringify(resultSchema.parse(result), null, 2)}\n`);
  return file;
}

/**
 * The results in a folder. JSON files of other measurements (another `what`, or none) are skipped.
 * @throws UsageError if the folder is missing or a result is not valid
 */
export async function readResults(folder: string): Promise<Result[]> {
  const names = await readdir(folder).catch((error) => {
    throw diskError(error, `cannot read the folder of results ${folder}`, UsageError);
  });
  const results: Result[] = [];
  for (const name of names.filter((one) => one.endsWith('.json')).sort()) {
    const file = join(folder, name);
    const text = await readFile(file, 'utf8').catch((error) => {
      throw diskError(error, `cannot read ${file}`, UsageError);
    });
    if (!isOfOtherKind(text)) results.push(parseResult(file, text));
  }
  return results;
}

const WHATS: readonly unknown[] = resultSchema.options.flatMap(({ shape }) =>
  'value' in shape.what ? [shape.what.value] : shape.what.options,
);

/** True if a text is a JSON object of another kind. */
function isOfOtherKind(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) && !WHATS.includes(value.what);
  } catch {
    return false;
  }
}

const isObject = (value: unknown): value is { readonly what?: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Parses a result. @throws UsageError if it is not valid */
export function parseResult(file: string, text: string): Result {
  try {
    return resultSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new UsageError({
      what: `${file} is not a valid result of paperweight bench`,
      expected: 'a file written by "paperweight bench … --save"',
      got: error instanceof z.ZodError ? z.prettifyError(error) : String(error),
      next: 'delete it, or measure again',
      cause: error,
    });
  }
}
