import { counted } from '../../errors/counted.js';
import { PaperweightError, UsageError } from '../../errors/errors.js';
import { didYouMean } from '../../errors/nearest.js';
import { printable } from '../../errors/printable.js';
import type { OnnxPort } from '../../interop/onnx/export.js';
import type { Module } from '../../nn/module.js';
import type { LoadedModel, LoadedNetwork } from '../../papers/loading/loaded-model.js';
import { print, printJson } from '../terminal/output.js';
import type { InputSizes } from './input-sizes.js';

/** Parts of a model that an error lists. */
const LISTED = 12;

/** The modules directly in a model. */
function partsOf(model: Module<unknown>): string {
  const names = model.namedChildren().map(([name]) => name);
  const more = names.length > LISTED ? ` and ${names.length - LISTED} more` : '';
  return `${names.slice(0, LISTED).join(', ')}${more}`;
}

/** The module of a model that has this path; without one the model. @throws UsageError if no module has it */
export function networkIn(model: Module, path: string | undefined): Module {
  if (path === undefined) return model;
  const modules = model.namedModules().filter(([name]) => name !== '');
  const found = modules.find(([name]) => name === path)?.[1];
  if (found) return found;
  const names = modules.map(([name]) => name);
  throw new UsageError({
    what: 'The model has no such network',
    expected: `${partsOf(model) || 'no --network: the model has no parts'}${names.some((name) => name.includes('.')) ? ', or the path of a module in one of these' : ''}`,
    got: `"${path}"`,
    next: didYouMean(path, names, 'choose one of those; without --network the whole model is exported'),
  });
}

interface Flags {
  readonly network?: string;
  readonly input?: InputSizes;
  readonly json?: boolean;
}

const showPorts = (ports: readonly OnnxPort[]): string =>
  ports.map(({ name, shape }) => `"${name}" [${shape.join(', ')}]`).join(', ');

/** Calls `forward`, which computes nothing yet. @throws UsageError that says how to name other inputs */
async function tryForward(
  network: Module<unknown>,
  path: string | undefined,
  shapes: Readonly<Record<string, readonly number[]>>,
  types: InputSizes['types'],
): Promise<void> {
  const [{ Tensor }, { hostLeaf }, { makeArray }] = await Promise.all([
    import('../../tensor/tensor.js'),
    import('../../graph/node.js'),
    import('../../graph/types.js'),
  ]);
  const inputs = Object.entries(shapes).map(([name, shape]) => {
    const type = types[name] ?? 'float32';
    return new Tensor(hostLeaf(makeArray(type, 0), [1, ...shape], type));
  });
  try {
    network.forward(...inputs);
  } catch (error) {
    const given = showPorts(Object.entries(shapes).map(([name, shape]) => ({ name, shape })));
    const parts = path === undefined ? partsOf(network) : '';
    throw new UsageError({
      what: `${path ?? 'The whole model'} (${network.typeName}) cannot be computed from ${given}`,
      expected: 'the inputs that its forward takes, with their sizes without the batch',
      got:
        error instanceof PaperweightError
          ? `${error.what}: expected ${error.expected}, got ${error.got}`
          : String(error),
      next: `name its inputs, such as --input 100, --input 3x64x64 or --input x=784,y=10${parts ? `, or a part of the model with --network: ${parts}` : ''}`,
      cause: error,
    });
  }
}

/**
 * Writes the ONNX file of a network that is not a classifier as a whole: a part of a model, or a model that its paper
 * trains in its own way.
 *
 * @throws UsageError if the network cannot compute with these inputs, with advice how to name others
 */
export async function writeNetwork(
  out: string,
  loaded: LoadedModel | LoadedNetwork,
  { network: path, input, json }: Flags,
): Promise<void> {
  const [{ exportWithPorts }, { inputShapeOf }, { writeFileAtomic }, { version }] = await Promise.all([
    import('../../interop/onnx/export.js'),
    import('../../papers/paper.js'),
    import('../../files/atomic.js'),
    import('../../version.js'),
  ]);
  const { config } = loaded;
  const network = networkIn(loaded.model, path);
  const images = inputShapeOf('paper' in loaded ? loaded.paper : {}, config);
  const shapes = input?.shapes ?? { images };
  const names = [`${config.paper}-${config.preset}`, ...(path === undefined ? [] : [path])];
  await tryForward(network, path, shapes, input?.types ?? {});
  const { file, inputs, outputs } = await exportWithPorts(network, shapes, {
    name: names.join('/'),
    version: version(),
    outputName: 'output',
    ...(input ? { inputType: input.types } : {}),
  });
  await writeFileAtomic(out, file.pieces);
  if (json)
    return printJson({
      file: out,
      bytes: file.length,
      ...(path === undefined ? {} : { network: path }),
      inputs,
      outputs,
    });
  print(`${printable(out)}: ${counted(file.length, 'byte')}${path === undefined ? '' : `, ${path} alone`}`);
  print(`Input ${showPorts(inputs)}, output ${showPorts(outputs)}.`);
}
