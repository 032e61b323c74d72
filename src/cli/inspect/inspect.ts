import { existsSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { LANGUAGES, type Language } from '../../display/languages.js';
import { classCount, grouped } from '../../errors/counted.js';
import { ShapeError, UsageError } from '../../errors/errors.js';
import type { ModelSummary } from '../../nn/inspect.js';
import type { Module } from '../../nn/module.js';
import type { UnknownLayers } from '../../papers/layers.js';
import type { Paper } from '../../papers/paper.js';
import { defaultPaper } from '../../papers/registry.js';
import type { ModelConfig } from '../../run/config.js';
import { addModelOptions, type ModelFlags, modelOptions } from '../options/model.js';
import {
  examples,
  filled,
  JSON_OUTPUT,
  oneOf,
  outputName,
  pathName,
  positiveInteger,
} from '../options/options.js';
import { checkOutput, FORCE } from '../options/output-file.js';
import { modelHints } from '../options/weights.js';
import { fittedTable, leftOutLine, note, print, printJson, widest } from '../terminal/output.js';

/** Number of classes if none is given. */
const CLASSES = 10;

interface Flags extends ModelFlags {
  readonly preset?: string;
  readonly classes?: number;
  readonly input?: number;
  readonly figure?: string;
  readonly force?: boolean;
  readonly lang: Language;
  readonly json?: boolean;
}

export function register(program: Command, paper?: Paper): void {
  const id = paper?.id ?? defaultPaper();
  const command = program
    .command('inspect')
    .summary('layers of a model: shapes, parameters, multiply-adds; or the content of a file of weights')
    .description(
      'Prints the layers of a model with output shapes, parameters and multiply-adds. For a file of weights it prints the tensors and the network that they belong to. Computes nothing.',
    )
    .argument(
      '[paper-run-or-file]',
      `paper (default: ${defaultPaper()}), run folder, file of weights (.safetensors, .pth, .pt), or .onnx file`,
      pathName('paper-run-or-file'),
    )
    .option(
      '--preset <name>',
      `variant of the model, or a recipe of train (default: ${Object.keys(paper?.presets ?? {})[0] ?? 'the first'})`,
      filled('--preset'),
    )
    .option('--classes <n>', 'number of classes (default: 10)', positiveInteger('--classes', 1_000_000))
    .option(
      '--input <pixels>',
      'side of the square input image (default: set by the variant)',
      positiveInteger('--input', 4096),
    );
  command
    .option(
      '--figure <file>',
      'also draw the model, as SVG, or as PNG if the name ends in .png (default: none)',
      outputName('--figure'),
    )
    .option(...FORCE)
    .option('--lang <language>', 'language of the figure, en or zh', oneOf('--lang', LANGUAGES), 'en');
  addModelOptions(command, paper)
    .option(...JSON_OUTPUT)
    .addHelpText(
      'after',
      examples(
        `paperweight inspect ${id} --classes 1000`,
        `paperweight inspect ${id} --preset ${Object.keys(paper?.presets ?? {}).at(-1)} --figure model.svg`,
        'paperweight inspect runs/my-run',
        'paperweight inspect model.pth',
        'paperweight inspect model.onnx',
      ),
    )
    .action(inspectModel);
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

async function inspectModel(id: string | undefined, flags: Flags): Promise<void> {
  if (flags.figure !== undefined)
    checkOutput(flags.figure, {
      flag: '--figure',
      what: 'a figure',
      endings: ['.svg', '.png'],
      force: flags.force ?? false,
      inputs: id === undefined ? [] : [id],
    });
  if (id !== undefined && /\.onnx$/i.test(id) && !isFolder(id)) return inspectOnnx(id, flags);
  if (id !== undefined && statSync(id, { throwIfNoEntry: false })?.isFile()) {
    if (flags.figure !== undefined)
      throw new UsageError({
        what: `--figure cannot draw ${id}`,
        expected: 'a paper, or an .onnx file',
        got: 'a file of weights, which has no layers',
        next: 'draw the network that the weights belong to',
      });
    const { inspectWeights } = await import('./weights.js');
    return inspectWeights(id, await modelHints(flags), flags.json ? { json: true } : {});
  }
  const { paper, config, where, recipe } = await networkOf(id, flags);
  const [{ buildModel, inputShapeOf }, { layersOf }, { withoutInit }] = await Promise.all([
    import('../../papers/paper.js'),
    import('../../papers/layers.js'),
    import('../../nn/init.js'),
  ]);
  const model = withoutInit(() => buildModel(paper, config));
  const { imageSize: input, preset } = config;
  const shape = inputShapeOf(paper, config);
  const summary = fitting(() => layersOf(paper, model, config), input, paper.imageSize(preset));
  const variant = `${where}${paper.name}, ${recipe === undefined ? '' : `recipe ${recipe}: `}preset ${preset}`;
  if ('reason' in summary) return showModules(variant, { model, shape, unknown: summary }, flags);
  const title = `${variant}, ${classCount(config.classes.length)}, for one image of ${shape.join(' × ')}`;
  await draw(model, shape, `${paper.name}, ${preset}`, flags);
  show(title, summary, flags.json);
}

/** The network of a run folder, or of a paper with the changes of the flags. */
async function networkOf(
  id: string | undefined,
  flags: Flags,
): Promise<{ paper: Paper; config: ModelConfig; where: string; recipe?: string }> {
  const { openPaper, openPaperNamed, paperIds } = await import('../../papers/registry.js');
  if (id !== undefined && !paperIds().includes(id) && (existsSync(id) || /[\\/.]/.test(id))) {
    const config = await configOfRun(id, flags);
    return { paper: await openPaper(config.paper), config, where: `${id}: ` };
  }
  const paper = await openPaperNamed(id ?? flags.paper);
  const named = flags.preset ?? Object.keys(paper.presets)[0]!;
  // A recipe of train may be named instead of a variant; it also sets the image size.
  const recipe =
    !Object.hasOwn(paper.presets, named) && Object.hasOwn(paper.recipes, named)
      ? paper.recipes[named]!.model
      : undefined;
  const preset = recipe?.preset ?? named;
  const options = { ...recipe?.options, ...modelOptions(flags) };
  const config: ModelConfig = {
    paper: paper.id,
    preset,
    classes: Array.from({ length: flags.classes ?? CLASSES }, (_, i) => `class ${i}`),
    imageSize: flags.input ?? recipe?.imageSize ?? paper.imageSize(preset),
    dropout: 0.5,
    init: paper.inits[0]!,
    ...(Object.keys(options).length > 0 ? { options } : {}),
  };
  return { paper, config, where: '', ...(recipe ? { recipe: named } : {}) };
}

/** @throws UsageError for a path that is not a run folder, and for flags that would change the run's network */
async function configOfRun(path: string, flags: Flags): Promise<ModelConfig> {
  const [{ requireModel }, { RunFolder }, { trainConfigSchema }] = await Promise.all([
    import('../../papers/loading/load.js'),
    import('../../run/run-folder.js'),
    import('../../run/config.js'),
  ]);
  requireModel(path);
  const folder = RunFolder.open(path);
  const changed = (['paper', 'preset', 'classes'] as const).find((name) => flags[name] !== undefined);
  if (changed !== undefined || modelOptions(flags))
    throw new UsageError({
      what: `The network of the run in ${path} is already known`,
      expected: 'no --paper, --preset or --classes, and no other option that changes a network',
      got: changed === undefined ? 'one of them' : `--${changed}`,
      next: 'leave it out',
    });
  const { model } = await folder.config(trainConfigSchema);
  return flags.input === undefined ? model : { ...model, imageSize: flags.input };
}

async function inspectOnnx(file: string, flags: Flags): Promise<void> {
  const [{ readOnnx }, { imageSide }, { inspect }] = await Promise.all([
    import('../../interop/onnx/index.js'),
    import('../../papers/loading/load-onnx.js'),
    import('../../nn/inspect.js'),
  ]);
  if (flags.preset !== undefined || modelOptions(flags))
    throw new UsageError({
      what: `${file} is a complete model`,
      expected: 'no --preset, and no other option that changes a paper’s network',
      got: 'one of them',
      next: 'leave it out',
    });
  const model = await readOnnx(file);
  const side = imageSide(model, flags.input);
  const summary = fitting(() => inspect(model, [3, side, side]), side, side);
  const { opset, producer } = model.description;
  const made = producer ? `, written by ${producer}` : '';
  await draw(model, [3, side, side], basename(file), flags);
  show(`${file}, opset ${opset}${made}, for one image of 3 × ${side} × ${side}`, summary, flags.json);
}

/** Draws the figure, if requested. @throws PaperweightError if it cannot be written */
async function draw(
  model: Module,
  inputShape: readonly number[],
  title: string,
  { figure, lang }: Flags,
): Promise<void> {
  if (figure === undefined) return;
  const [{ architectureSvg, stagesOf }, { writeFileAtomic }] = await Promise.all([
    import('../../report/architecture.js'),
    import('../../files/atomic.js'),
  ]);
  const svg = architectureSvg({ stages: stagesOf(model, inputShape), inputShape, title }, lang);
  const isPng = /\.png$/i.test(figure);
  await writeFileAtomic(
    figure,
    isPng ? await (await import('../../report/drawing/rasterise.js')).pngOf(svg) : svg,
  );
}

/** @throws UsageError if the model does not accept the input size */
function fitting<T>(body: () => T, input: number, made: number): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw new UsageError({
      what: `--input ${input} does not fit the model: ${error.what}`,
      ...(error.expected === undefined ? {} : { expected: error.expected }),
      ...(error.got === undefined ? {} : { got: error.got }),
      next: `give a larger --input; the model is made for ${made}`,
      cause: error,
    });
  }
}

/** The modules of a network whose layers are unknown, with their parameters alone. */
function showModules(
  title: string,
  { model, shape, unknown }: { model: Module; shape: readonly number[]; unknown: UnknownLayers },
  { json, figure }: Flags,
): void {
  const why = `The network does not take an image of ${shape.join(' × ')} (${unknown.reason}), so output shapes and multiply-adds are unknown.`;
  if (figure !== undefined)
    throw new UsageError({
      what: '--figure cannot draw this network',
      expected: 'a network of images',
      got: why,
      next: 'leave --figure out; if its input is images, say their number of channels with channels in definePaper',
    });
  const modules = model
    .namedModules()
    .filter(([, module]) => module.children().length === 0)
    .map(([name, module]) => ({
      name,
      type: module.typeName,
      parameters: module.parameters().reduce((total, { size }) => total + size, 0),
    }));
  if (json) {
    printJson({ modules, parameters: unknown.parameters, unknown: why });
    return;
  }
  print(`${title}\n`);
  printTable(
    ['Layer', 'Type', 'Parameters'],
    modules.map(({ name, type, parameters }) => [name, type, parameters === 0 ? '' : grouped(parameters)]),
    ['Total', '', grouped(unknown.parameters)],
    { align: 'llr', drop: [1, 2] },
  );
  note(why);
}

function show(title: string, summary: ModelSummary, json: boolean | undefined): void {
  if (json) {
    printJson(summary);
    return;
  }
  print(`${title}\n`);
  const rows = summary.layers.map(({ name, type, outputShape, parameters, macs }) => [
    name,
    type,
    outputShape.slice(1).join(' × '),
    parameters === 0 ? '' : grouped(parameters),
    macs === 0 ? '' : grouped(macs),
  ]);
  const head = ['Layer', 'Type', 'Output', 'Parameters', 'Multiply-adds'];
  const total = ['Total', '', '', grouped(summary.parameters), grouped(summary.macs)];
  // The name of a layer is the most important column, then its output shape.
  printTable(head, rows, total, { align: 'lllrr', drop: [1, 4, 3] });
}

/** Prints a table between rules. @param drop columns that may be left out, the least important first */
function printTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  total: readonly string[],
  { align, drop }: { align: string; drop: readonly number[] },
): void {
  const fitted = fittedTable([head, ...rows, total], align, drop);
  const [first, ...others] = fitted.lines;
  const rule = '─'.repeat(widest(fitted.lines));
  for (const line of [first!, rule, ...others.slice(0, -1), rule, others.at(-1)!]) print(line);
  for (const line of leftOutLine(fitted)) print(line);
}
