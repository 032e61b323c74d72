import { extname } from 'node:path';
import type { Command } from 'commander';
import { classCount, counted } from '../../errors/counted.js';
import { UsageError } from '../../errors/errors.js';
import { printable } from '../../errors/printable.js';
import type { WeightDtype } from '../../interop/model-weights.js';
import type { LoadedModel, LoadedNetwork } from '../../papers/loading/loaded-model.js';
import type { Paper } from '../../papers/paper.js';
import { examples, filled, JSON_OUTPUT, oneOf, outputName } from '../options/options.js';
import { checkOutput, FORCE } from '../options/output-file.js';
import { addWeightsOptions, modelHints, RUN_OR_WEIGHTS, type WeightsFlags } from '../options/weights.js';
import { note, print, printJson } from '../terminal/output.js';
import { type InputSizes, inputSizes } from './input-sizes.js';
import { networkIn, writeNetwork } from './network.js';

const FORMATS = ['onnx', 'pth', 'safetensors'] as const;
type Format = (typeof FORMATS)[number];
const DTYPES = ['float32', 'float16', 'bfloat16'] as const satisfies readonly WeightDtype[];

/** File extensions of each format. */
const ENDINGS: Readonly<Record<Format, readonly string[]>> = {
  onnx: ['.onnx'],
  pth: ['.pth', '.pt'],
  safetensors: ['.safetensors'],
};

interface Flags extends WeightsFlags {
  readonly format?: Format;
  readonly out?: string;
  readonly names?: string;
  readonly dtype?: WeightDtype;
  readonly network?: string;
  readonly input?: InputSizes;
  readonly force?: boolean;
  readonly json?: boolean;
}

export function register(program: Command, paper?: Paper): void {
  const command = program
    .command('export')
    .summary('write a trained model as a file for other programs')
    .description(
      'Writes a trained model as a file for other programs: the inference graph with its weights (onnx), or the weights alone (pth for PyTorch, safetensors).\nThe metadata of an ONNX file says how its input images must be prepared.',
    )
    .argument(...RUN_OR_WEIGHTS)
    .option(
      '--format <name>',
      'onnx (opset 17), pth or safetensors (default: from the extension of --out, else onnx)',
      oneOf('--format', FORMATS),
    )
    .option(
      '--out <file>',
      'output file (default: model.onnx, model.pth or model.safetensors)',
      outputName('--out'),
    )
    .option(
      '--names <naming>',
      'naming scheme of the tensors in a pth or safetensors file, such as torchvision (default: the model’s own names)',
      filled('--names'),
    )
    .option(
      '--dtype <name>',
      'number type of a pth or safetensors file: float32, float16 or bfloat16 (default: float32)',
      oneOf('--dtype', DTYPES),
    )
    .option(
      '--network <name>',
      'export a part of the model alone: the name of its module, such as generator (default: the whole model)',
      filled('--network'),
    )
    .option(
      '--input <sizes>',
      'ONNX input of a network that is not given images: sizes without the batch, such as 100 or 3x64x64; several by name, such as images=784,noise=20; :int32 after the sizes of positions in a table (default: the images of the paper)',
      inputSizes('--input'),
    )
    .option(...FORCE);
  addWeightsOptions(command, paper)
    .option(...JSON_OUTPUT)
    .addHelpText(
      'after',
      examples(
        'paperweight export runs/my-run --out model.onnx',
        'paperweight export runs/my-run --out model.pth --names torchvision',
        'paperweight export model.pth --out model.safetensors --dtype float16',
        'paperweight export runs/my-gan --network generator --input 100 --out generator.onnx',
      ),
    )
    .action(exportModel);
}

async function exportModel(path: string, flags: Flags): Promise<void> {
  const { format, out } = target(flags);
  const { openTrained, requireModel } = await import('../../papers/loading/load.js');
  requireModel(path);
  checkOutput(out, {
    flag: '--out',
    what: flags.format ? `--format ${format}` : 'any format',
    endings: flags.format ? ENDINGS[format] : FORMATS.flatMap((name) => ENDINGS[name]),
    force: flags.force ?? false,
    inputs: [path],
  });
  const { referenceDevice } = await import('../../backend/reference/index.js');
  // Nothing is computed, so the reference device can hold the weights.
  const loaded = await openTrained(path, referenceDevice(), await modelHints(flags));
  for (const line of loaded.notes) note(line);
  if (format !== 'onnx') await writeWeights(out, format, loaded, flags);
  else if ('transform' in loaded && !flags.network && !flags.input) await writeOnnx(out, loaded, flags);
  else await writeNetwork(out, loaded, flags);
}

/** Format and output file; each may follow from the other. @throws UsageError */
function target(flags: Flags): { format: Format; out: string } {
  const ending = extname(flags.out ?? '').toLowerCase();
  const told = FORMATS.find((name) => ENDINGS[name].includes(ending));
  const format = flags.format ?? told ?? 'onnx';
  const needless = (format === 'onnx' ? (['names', 'dtype'] as const) : (['input'] as const)).find(
    (name) => flags[name] !== undefined,
  );
  if (needless)
    throw new UsageError({
      what: `--${needless} does not apply to ${format === 'onnx' ? 'ONNX' : 'a file of weights'}`,
      expected: format === 'onnx' ? '--format pth or safetensors' : '--format onnx',
      got: format,
      next: 'change one of the flags',
    });
  if (flags.network !== undefined && flags.names !== undefined)
    throw new UsageError({
      what: '--names does not apply to a part of the model',
      expected: '--names for the whole model, or --network with the model’s own names',
      got: `--network ${flags.network} and --names ${flags.names}`,
      next: 'leave one of the flags out',
    });
  return { format, out: flags.out ?? `model.${format}` };
}

async function writeOnnx(
  out: string,
  { model, config, classes, transform, assumed, views }: LoadedModel,
  { json }: Flags,
): Promise<void> {
  const [{ MODEL_KEY }, { isUnnamed }, { exportOnnx }, { writeFileAtomic }, { version }] = await Promise.all([
    import('../../papers/loading/load-onnx.js'),
    import('../../papers/test-set.js'),
    import('../../interop/onnx/index.js'),
    import('../../files/atomic.js'),
    import('../../version.js'),
  ]);
  const file = await exportOnnx(model, [3, config.imageSize, config.imageSize], {
    name: `${config.paper}-${config.preset}`,
    version: version(),
    // Assumptions are not stored as if the file had contained them.
    metadata: {
      ...(isUnnamed(classes) ? {} : { classes: JSON.stringify(classes) }),
      ...(assumed ? {} : { transform: transform.toString() }),
      // A mean image does not fit into metadata, so such a model is exported without its configuration.
      ...(assumed || views ? {} : { [MODEL_KEY]: JSON.stringify(config) }),
    },
  });
  await writeFileAtomic(out, file.pieces);
  const found = { file: out, bytes: file.length, classes: classes.length, transform: transform.toString() };
  if (json) return printJson(found);
  print(`${printable(out)}: ${counted(file.length, 'byte')}, ${classCount(classes.length)}`);
  print(
    `Input "images" [batch, 3, ${config.imageSize}, ${config.imageSize}], output "logits" [batch, ${classes.length}].`,
  );
  print(`Images are prepared with ${transform}.`);
}

async function writeWeights(
  out: string,
  format: 'pth' | 'safetensors',
  loaded: LoadedModel | LoadedNetwork,
  { names: naming, dtype = 'float32', network: path, json }: Flags,
): Promise<void> {
  const [{ saveWeights }, { openPaper }, { CONFIG_KEY }] = await Promise.all([
    import('../../run/checkpoint.js'),
    import('../../papers/registry.js'),
    import('../../papers/recognise.js'),
  ]);
  const { config } = loaded;
  const model = networkIn(loaded.model, path);
  if (model.stateDict().size === 0)
    throw new UsageError({
      what: `${path ?? 'The model'} has no weights`,
      expected: 'a network with parameters',
      got: model.typeName,
      next: 'name another part with --network',
    });
  const namings = (await openPaper(config.paper)).weights?.namings ?? {};
  if (naming !== undefined && !Object.hasOwn(namings, naming))
    throw new UsageError({
      what: `--names ${naming} cannot be used`,
      expected: Object.keys(namings).join(', ') || 'no --names: this paper has no other names',
      got: `"${naming}"`,
      next: 'give another value, or leave --names out to keep the model’s own names',
    });
  const names = naming === undefined ? undefined : namings[naming]!(model);
  const transform = 'transform' in loaded && path === undefined ? loaded.transform.toString() : undefined;
  const metadata = {
    ...(path === undefined
      ? { [CONFIG_KEY]: JSON.stringify(config) }
      : { paper: config.paper, network: path }),
    ...(transform === undefined ? {} : { classes: JSON.stringify(config.classes), transform }),
  };
  const bytes = await saveWeights(out, model, metadata, { dtype, format, ...(names ? { names } : {}) });
  const state = model.stateDict();
  const all = [...state.keys()].map((name) => names?.get(name) ?? name);
  if (json) return printJson({ file: out, bytes, tensors: all.length, dtype, names: all });
  print(
    `${out}: ${counted(bytes, 'byte')}, ${counted(all.length, 'tensor')} of ${dtype}, ${all[0]} … ${all.at(-1)}`,
  );
  if (transform !== undefined) print(`Images are prepared with ${transform}.`);
}
