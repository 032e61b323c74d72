import { z } from 'zod';
import { shellWord } from '../../errors/shell-word.js';
import { partsOf } from '../../papers/paper.js';
import { openPaper } from '../../papers/registry.js';
import { DATA_FILE } from '../../train/data/data-record.js';
import type { DataOrigin, RunOrigin } from '../api.js';
import { RequestError } from '../http/request-error.js';
import { programConfig } from './own-runs.js';
import { readSmall } from './path-containment.js';
import { parseJson } from './tail.js';

const configSchema = z.looseObject({
  recipe: z.string(),
  dataset: z.string(),
  data: z.string().optional(),
  seed: z.number(),
  model: z.looseObject({ paper: z.string() }),
  machine: z.looseObject({ command: z.string().optional() }).optional(),
});
type Config = z.infer<typeof configSchema>;

const setSchema = z.object({ images: z.number(), fingerprint: z.string().optional() });
const dataSchema = z.object({ train: setSchema, test: setSchema });

/** Settings that are not a choice of the recipe. */
const OTHERS = new Set(['version', 'recipe', 'dataset', 'data', 'seed', 'machine', 'model']);
/** Settings of the model that follow from the data or from the paper. */
const OF_MODEL = new Set(['paper', 'preset', 'classes', 'images', 'options']);

/** Where a run comes from: its command, its preset, its data. */
export async function originOf(folder: string): Promise<RunOrigin> {
  const text = (await readSmall(folder, 'config.json')) ?? '';
  // A user program (Logger) has no preset, and only it knows its command.
  if (text === '' || programConfig(text)) return { recorded: false, beyond: [] };
  const parsed = configSchema.safeParse(parseJson(text));
  if (!parsed.success)
    throw new RequestError(422, {
      what: 'config.json of the run cannot be read',
      expected: 'the settings that train writes',
      got: z.prettifyError(parsed.error).slice(0, 500),
    });
  const config = parsed.data;
  const preset = await presetOf(config).catch(() => undefined);
  const { data } = dataSchema.safeParse(parseJson((await readSmall(folder, DATA_FILE)) ?? ''));
  const recorded = config.machine?.command;
  const derived = recorded === undefined && preset ? commandOf(config, preset) : undefined;
  const command = recorded ?? derived?.command;
  return {
    ...(command === undefined ? {} : { command }),
    recorded: recorded !== undefined,
    beyond: derived?.beyond ?? [],
    ...(preset ? { preset } : {}),
    ...(data ? { data: { train: originOfSet(data.train), test: originOfSet(data.test) } } : {}),
  };
}

const originOfSet = ({ images, fingerprint }: z.infer<typeof setSchema>): DataOrigin => ({
  images,
  ...(fingerprint === undefined ? {} : { fingerprint }),
});

/** The settings of the run's recipe; undefined if the paper or the recipe is unknown. */
async function presetOf({ model, recipe }: Config): Promise<Record<string, unknown> | undefined> {
  const { recipes } = await openPaper(model.paper);
  if (!Object.hasOwn(recipes, recipe)) return undefined;
  const parts = partsOf(recipes[recipe]!);
  return { ...parts.training, model: parts.model };
}

/** The command whose settings are those of the run, by their differences from the preset. */
function commandOf(
  config: Config,
  preset: Readonly<Record<string, unknown>>,
): { readonly command: string; readonly beyond: readonly string[] } {
  const words: string[] = ['paperweight', 'train', '--paper', config.model.paper, '--preset', config.recipe];
  words.push('--dataset', config.dataset, ...(config.data ? ['--data', config.data] : []));
  words.push('--seed', String(config.seed));
  const beyond: string[] = [];
  const compare = (
    now: Readonly<Record<string, unknown>>,
    before: Readonly<Record<string, unknown>>,
    path: string,
  ) => {
    for (const [key, value] of Object.entries(now)) {
      if (JSON.stringify(value) === JSON.stringify(before[key])) continue;
      const flag = `--${key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
      if (typeof value === 'number' || typeof value === 'string') words.push(flag, String(value));
      else if (value === true) words.push(flag);
      else beyond.push(path + key);
    }
  };
  const without = (record: Readonly<Record<string, unknown>>, left: ReadonlySet<string>) =>
    Object.fromEntries(Object.entries(record).filter(([key]) => !left.has(key)));
  const recordOf = (value: unknown): Record<string, unknown> =>
    typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  const model = recordOf(preset.model);
  compare(without(config, OTHERS), preset, '');
  compare(without(config.model, OF_MODEL), model, 'model.');
  compare(recordOf(config.model.options), recordOf(model.options), 'model.options.');
  compare(recordOf(config.optimizerOptions), recordOf(preset.optimizerOptions), 'optimizerOptions.');
  return {
    command: words.map((word) => shellWord(word)).join(' '),
    beyond: beyond.filter((path) => path !== 'optimizerOptions'),
  };
}
