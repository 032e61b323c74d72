import { classCount, counted } from '../errors/counted.js';
import { CheckpointError } from '../errors/errors.js';
import { quoted } from '../errors/excerpt.js';
import { findPart, type Part, partNotes, partOf, WHOLE } from '../interop/prefixes.js';
import type { Weight, Weights } from '../interop/weights.js';
import { withoutInit } from '../nn/init.js';
import type { Module } from '../nn/module.js';
import { type ModelConfig, modelConfigSchema } from '../run/config.js';
import { inSpellingOf } from '../tensor/names.js';
import { extraTensorsError, recogniseBesideExtras } from './loading/extra-tensors.js';
import { buildModel, type Paper, type Recognised, type Shapes } from './paper.js';
import { openPaper, paperIds } from './registry.js';
import { unnamedClasses } from './test-set.js';

/** What the caller knows of a bare file's network, for example from flags. */
export interface ModelHints {
  readonly paper?: string;
  readonly preset?: string;
  readonly options?: NonNullable<ModelConfig['options']>;
  /** Class names, in the order of the last layer. */
  readonly classes?: readonly string[];
  readonly imageSize?: number;
}

/** The network recognised in a bare file of weights. */
export interface FoundModel {
  readonly paper: Paper;
  readonly config: ModelConfig;
  /** Assumptions about what the file does not contain. */
  readonly assumed: readonly string[];
  /** Which of the file's tensors belong to the network: see {@link partOf}. */
  readonly part: Part;
}

/** Safetensors metadata key under which Paperweight stores the model's configuration. */
export const CONFIG_KEY = 'paperweight';

/** Names and shapes only; tensor values are not read. */
type Listed = Pick<Weights, 'format' | 'metadata' | 'notes'> & {
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>;
};

const shapesOf = (tensors: Listed['tensors']): Shapes =>
  new Map([...tensors].map(([name, { shape }]) => [name, shape]));

/**
 * Recognises the network of a file of weights: from its metadata if Paperweight wrote it, otherwise from names and
 * shapes.
 *
 * @throws CheckpointError if no paper matches; the error says how to name the network
 */
export async function recogniseModel(
  file: string,
  { tensors, metadata }: Listed,
  hints: ModelHints,
): Promise<FoundModel> {
  const told = configIn(metadata);
  const agrees =
    (hints.paper ?? told?.paper) === told?.paper && (hints.preset ?? told?.preset) === told?.preset;
  if (told && agrees && paperIds().includes(told.paper))
    return configure(
      file,
      await openPaper(told.paper),
      { ...told, classes: told.classes.length, assumed: [] },
      hints,
      WHOLE,
      told,
    );
  const papers = await Promise.all((hints.paper === undefined ? paperIds() : [hints.paper]).map(openPaper));
  const look = <R>(rule: (paper: Paper, shapes: Shapes) => R | undefined) =>
    findPart(file, tensors, (part) => {
      const shapes = shapesOf(part);
      for (const paper of papers) {
        const found = rule(paper, shapes);
        if (found) return { paper, found };
      }
      return undefined;
    });
  const match = look((paper, shapes) => paper.weights?.recognise(shapes, hints.preset));
  const byNames = (paper: Paper, shapes: Shapes) => byLastBias(paper, shapes, hints);
  // Without hints all names are compared, with hints only that of the last layer: then closer rules come first.
  const hinted = hints.paper !== undefined || hints.preset !== undefined;
  const near = match ? undefined : look((paper, shapes) => paper.weights?.nearly?.(shapes))?.found;
  const taken = match ?? (near && hinted ? undefined : look(byNames));
  if (taken) return configure(file, taken.found.paper, taken.found.found, hints, taken.part);
  if (near)
    throw new CheckpointError({
      what: `${file} holds the weights of a network similar to ${near.paper.name}, but not the same`,
      ...near.found,
    });
  const shapes = shapesOf(tensors);
  for (const paper of papers) {
    const more = recogniseBesideExtras(
      shapes,
      (part) => paper.weights?.recognise(part, hints.preset) ?? byNames(paper, part),
    );
    if (more)
      throw extraTensorsError(file, `${paper.name}, preset ${more.found.preset}`, more.extras, shapes);
  }
  throw new CheckpointError({
    what: `The network of ${file} is unknown`,
    expected: `tensors of one of the papers: ${paperIds().join(', ')}`,
    got: `${
      [...shapes]
        .slice(0, 4)
        .map(([name, shape]) => `${quoted(name).slice(1, -1)} [${shape}]`)
        .join(', ') || 'no tensors'
    }${shapes.size > 4 ? ` and ${shapes.size - 4} more` : ''}`,
    next: 'name the network with --paper and --preset (and --activation, --norm, … where it differs), if it is one of them; paperweight inspect shows the tensors of a file, and the layers of a network',
  });
}

/** For papers without rules of their own: the file must be declared as the paper's, or have its last layer's bias. */
function byLastBias(
  paper: Paper,
  shapes: Shapes,
  { preset, paper: named }: ModelHints,
): Recognised | undefined {
  const classes = paper.lastBias === undefined ? undefined : shapes.get(paper.lastBias)?.[0];
  if (classes === undefined) return undefined;
  if (paper.weights && preset === undefined && named === undefined) return undefined;
  const first = Object.keys(paper.presets)[0]!;
  // One tensor says little, if the caller does not say what the network is.
  if (preset === undefined && named === undefined && !hasNamesOf(paper, first, classes, shapes))
    return undefined;
  return { preset: first, classes, assumed: preset === undefined ? [`the preset ${first}`] : [] };
}

/**
 * Whether a file has the tensors of a paper's network and no others, whatever its depth: numbers in names are not
 * compared.
 */
function hasNamesOf(paper: Paper, preset: string, classes: number, shapes: Shapes): boolean {
  const config: ModelConfig = {
    paper: paper.id,
    preset,
    classes: unnamedClasses(classes),
    imageSize: paper.imageSize(preset),
    dropout: 0.5,
    init: paper.inits[0]!,
  };
  const patterns = (names: Iterable<string>): Set<string> =>
    new Set(
      [...names]
        .filter((name) => !name.endsWith('num_batches_tracked'))
        .map((name) => name.replaceAll(/\d+/g, '0')),
    );
  const names = [
    ...withoutInit(() => buildModel(paper, config))
      .stateDict()
      .keys(),
  ];
  const own = patterns(names);
  const theirs = patterns(inSpellingOf(names, shapes).keys());
  return own.size === theirs.size && [...own].every((name) => theirs.has(name));
}

/** The model's configuration in the metadata of a file that Paperweight exported. */
export function configIn(metadata: Readonly<Record<string, string>>): ModelConfig | undefined {
  try {
    return modelConfigSchema.safeParse(JSON.parse(metadata[CONFIG_KEY] ?? '')).data;
  } catch {
    return undefined;
  }
}

function configure(
  file: string,
  paper: Paper,
  { preset: found, classes: count, options: seen, assumed }: Recognised,
  hints: ModelHints,
  part: Part,
  told?: ModelConfig,
): FoundModel {
  if (count < 2)
    throw new CheckpointError({
      what: `${file} has a single output, which cannot distinguish classes`,
      expected: 'the weights of a network of two classes or more',
      got: 'one output: its softmax is always 1, and the file does not say whether it needs a sigmoid',
      next: 'export it as ONNX with its sigmoid, whose output is the probability of the second of two classes',
    });
  const preset = hints.preset ?? found;
  if (hints.classes && hints.classes.length !== count)
    throw new CheckpointError({
      what: `${file} has ${classCount(count)}`,
      expected: counted(count, 'name'),
      got: counted(hints.classes.length, 'name'),
      next: 'give one name per class, in the order of the last layer',
    });
  const options = { ...seen, ...hints.options };
  return {
    paper,
    config: {
      paper: paper.id,
      preset,
      classes: [...(hints.classes ?? told?.classes ?? unnamedClasses(count))],
      imageSize: hints.imageSize ?? told?.imageSize ?? paper.imageSize(preset),
      dropout: told?.dropout ?? 0.5,
      init: told?.init ?? paper.inits[0]!,
      ...(Object.keys(options).length === 0 ? {} : { options }),
      // The stored image rules hold only for the stored image size.
      ...(told?.images && hints.imageSize === undefined ? { images: told.images } : {}),
    },
    assumed: hints.preset === undefined ? assumed : [],
    part,
  };
}

/** Messages for the user: what was recognised and what was assumed, one line each. */
export function describeModel(
  { format, notes }: Listed,
  { paper, config, assumed, part }: FoundModel,
): string[] {
  const options = Object.entries(config.options ?? {}).map(([name, value]) => `${name} ${value}`);
  return [
    `Weights: ${[format, ...notes, ...partNotes(part)].join('; ')}`,
    `Network: ${[`${paper.name}, preset ${config.preset}`, ...options, classCount(config.classes.length)].join(', ')}`,
    ...(assumed.length > 0 ? [`Assumed, because a file of weights does not say: ${assumed.join(', ')}`] : []),
  ];
}

/**
 * The part of a file that belongs to a known network, such as that of a new run.
 * @throws CheckpointError if two parts of the file fit
 */
export function partFor(
  file: string,
  paper: Paper,
  model: Module,
  tensors: ReadonlyMap<string, Weight>,
): Part {
  const own = [...model.stateDict().keys()];
  const match = findPart(
    file,
    tensors,
    (part) => hasAll(part, own) || paper.weights?.recognise(shapesOf(part)) || undefined,
  );
  return match?.part ?? WHOLE;
}

function hasAll(tensors: ReadonlyMap<string, unknown>, own: readonly string[]): boolean {
  const spelled = inSpellingOf(own, tensors);
  return own.every((name) => spelled.has(name));
}

/** Renames a file's weights to the model's tensor names, if the file uses other names for the same layers. */
export function inOwnNames(
  paper: Paper,
  model: Module,
  tensors: ReadonlyMap<string, Weight>,
): ReadonlyMap<string, Weight> {
  const own = model.stateDict();
  if (hasAll(tensors, [...own.keys()])) return tensors;
  const names = paper.weights?.translate(model, shapesOf(tensors));
  if (!names) return tensors;
  const translated = new Map(tensors);
  for (const theirs of names.values()) translated.delete(theirs);
  for (const [name, theirs] of names) {
    const tensor = tensors.get(theirs);
    // Caffe's older files have leading dimensions of 1; the data layout is the same.
    if (tensor) translated.set(name, { ...tensor, shape: withoutOnes(tensor.shape, own.get(name)!.shape) });
  }
  return translated;
}

/** Removes leading ones from a shape if that gives the wanted shape. */
function withoutOnes(shape: readonly number[], wanted: readonly number[]): readonly number[] {
  const spare = shape.length - wanted.length;
  const short = spare > 0 && shape.slice(0, spare).every((n) => n === 1) ? shape.slice(spare) : shape;
  return String(short) === String(wanted) ? short : shape;
}
