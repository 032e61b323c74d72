import { checkOptionNames, shown } from '../../../errors/arguments.js';
import { CheckpointError, PaperweightError, UsageError } from '../../../errors/errors.js';
import { quoted } from '../../../errors/excerpt.js';
import { refuseForeign } from '../../foreign-file.js';
import { compile } from './compile.js';
import { OnnxModel, showOpen } from './model.js';
import { BFLOAT16 } from './narrow-types.js';
import { type GraphProto, type ModelProto, readModel, type ValueProto } from './proto.js';
import { refuse } from './refuse.js';
import { type ExternalFiles, externalClaims, isFloatType } from './tensor.js';

/** Supported opsets, from the oldest to the newest. */
export const OPSETS = { oldest: 6, newest: 28 } as const;
/** Newest supported version of the file format (IR version). */
const NEWEST_IR = 14;

export interface ImportOptions {
  /** Name of the model for messages: its file name. */
  readonly name?: string;
  /** Contents of external files of weights, by the names that the model uses. */
  readonly external?: ExternalFiles;
}

/**
 * Imports an ONNX model as a module in evaluation mode. The file is validated and cannot run code. All floating-point
 * types become float32. Parameters have the names of the file; batch normalisation uses the statistics of the file even
 * in training.
 *
 * @param bytes the whole file
 * @throws CheckpointError for a file that is damaged or needs unsupported features; UsageError for wrong arguments
 * @example
 * const model = importOnnx(await readFile('model.onnx'), { name: 'model.onnx' });
 */
export function importOnnx(bytes: Uint8Array, options: ImportOptions = {}): OnnxModel {
  checkOptionNames('importOnnx', options, ['name', 'external']);
  const { name = 'the ONNX model', external = new Map() } = options;
  if (!(bytes instanceof Uint8Array))
    throw new UsageError({
      what: 'importOnnx reads the bytes of a file',
      expected: 'a Uint8Array',
      got: shown(bytes),
      next: 'readOnnx takes a path',
    });
  refuseForeign(name, bytes, 'an ONNX model', 'onnx');
  return naming(name, () => build(readModel(bytes), name, external));
}

/**
 * Like {@link importOnnx}, for a model with external weights. `read` returns the contents of an external file; it must
 * validate the name, which comes from the model and is not trusted.
 */
export async function importOnnxWith(
  bytes: Uint8Array,
  name: string,
  read: (location: string) => Promise<Uint8Array>,
): Promise<OnnxModel> {
  refuseForeign(name, bytes, 'an ONNX model', 'onnx');
  const proto = naming(name, () => readModel(bytes));
  const external = new Map<string, Uint8Array>();
  for (const location of externalClaims(proto.graph).keys()) external.set(location, await read(location));
  return naming(name, () => build(proto, name, external));
}

function naming<T>(name: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof PaperweightError)) throw error;
    const { what, expected, got, next } = error;
    throw new CheckpointError({
      what: `${name} cannot be read as an ONNX model: ${what}`,
      ...(expected === undefined ? {} : { expected }),
      ...(got === undefined ? {} : { got }),
      ...(next === undefined ? {} : { next }),
      cause: error,
    });
  }
}

function build(proto: ModelProto, name: string, external: ExternalFiles): OnnxModel {
  const { graph, producer, metadata } = proto;
  const opset = checkVersions(proto);
  for (const [location, claimed] of externalClaims(graph)) {
    const held = external.get(location)?.length;
    if (held !== undefined && claimed > held)
      refuse(`its weights in ${quoted(location)}`, `${claimed} bytes`, `${held} bytes`);
  }
  const inputs = inputsOf(graph);
  if (graph.outputs.length === 0) refuse('its outputs', 'at least one', 'none');
  const compiled = compile(graph, { opset, external, inputs });
  const described = {
    inputs: inputs.map((input) => ({
      name: input.name,
      shape: input.shape!,
      type: isFloatType(input.type!) ? ('float32' as const) : ('int32' as const),
    })),
    outputs: graph.outputs.map((output, i) => ({
      name: output.name,
      shape: output.shape,
      type: compiled.outputs[i]!.kind === 'float' ? ('float32' as const) : ('int32' as const),
    })),
  };
  const model = new OnnxModel(
    {
      name,
      producer: producer.replaceAll(/\p{Cc}/gu, '?').slice(0, 100),
      opset,
      metadata,
      ...described,
      inputShape: described.inputs[0]!.shape,
      inputType: described.inputs[0]!.type,
      outputShape: described.outputs[0]!.shape,
    },
    compiled,
  ).eval();
  tryOut(model);
  return model;
}

function checkVersions({ irVersion, opsets }: ModelProto): number {
  if (irVersion < 3 || irVersion > NEWEST_IR)
    refuse(
      'its version of the file format',
      `from 3 to ${NEWEST_IR}`,
      String(irVersion),
      'write the file again with another version of the package onnx',
    );
  const opset = opsets.get('');
  if (opset === undefined || opset < OPSETS.oldest || opset > OPSETS.newest)
    refuse(
      'its version of the operators',
      `opset ${OPSETS.oldest} to ${OPSETS.newest}`,
      opset === undefined ? 'none' : String(opset),
      'export it again with another opset_version, or convert it with onnx.version_converter',
    );
  return opset;
}

/** Types of positions, such as those of words: int32 and int64. */
const WHOLE: readonly number[] = [6, 7];

/** The inputs that are not initialisers; early versions of the format list initialisers as inputs. */
function inputsOf({ inputs, initializers }: GraphProto): ValueProto[] {
  const constants = new Set(initializers.map(({ name }) => name));
  const real = inputs.filter(({ name }) => !constants.has(name));
  if (real.length === 0) refuse('its inputs', 'at least one', 'none');
  for (const input of real) {
    const readable = input.type !== undefined && (isFloatType(input.type) || WHOLE.includes(input.type));
    if (!readable || !input.shape)
      refuse(
        `its input ${quoted(input.name)}`,
        'a tensor of floating-point numbers, or of positions of int32 or int64, with a shape',
        `type ${input.type ?? 'unknown'}`,
      );
    if (input.type === BFLOAT16)
      refuse(
        `its input ${quoted(input.name)}`,
        'float32, float64 or float16 (bfloat16 is supported only for weights)',
        'bfloat16',
        'export the model in float32 (model.float() in PyTorch)',
      );
  }
  return real;
}

/** If all sizes except the batch are known, infers the shapes once, so that mismatches are reported on import. */
function tryOut(model: OnnxModel): void {
  const { inputs, outputs } = model.description;
  const shapes = inputs.map(({ shape }) => {
    const [batch, ...rest] = shape!;
    if (batch === undefined) return [];
    return [typeof batch === 'number' ? batch : 1, ...rest];
  });
  const known = shapes.filter((shape): shape is number[] => shape.every((size) => typeof size === 'number'));
  if (known.length < shapes.length) return;
  for (const [i, found] of model.checkAll(known).entries()) {
    const { name, shape } = outputs[i]!;
    const fits =
      !shape ||
      (shape.length === found.length && shape.every((d, k) => typeof d === 'string' || d === found[k]));
    if (!fits)
      refuse(
        `its output${outputs.length > 1 ? ` ${quoted(name)}` : ''}`,
        `the shape that it declares, ${showOpen(shape)}`,
        showOpen(found),
      );
  }
}
