import { checkOptionNames, shown } from '../../errors/arguments.js';
import { PaperweightError, UsageError } from '../../errors/errors.js';
import { isRecord } from '../../errors/is-record.js';
import type { Message } from '../../files/protobuf.js';
import { reachable } from '../../graph/graph.js';
import { hostLeaf, type Node } from '../../graph/node.js';
import {
  type DType,
  isShape,
  makeArray,
  type Shape,
  type Spec,
  sameShape,
  showShape,
  type TypedArray,
} from '../../graph/types.js';
import { Module } from '../../nn/module.js';
import { namedTensors } from '../../nn/nested.js';
import { withUnrolled } from '../../nn/sequence/recurrence.js';
import { Tensor } from '../../tensor/tensor.js';
import { checkBatchFree, checkSameWork, onceOf, repeated, type Trace, workIn } from './batch-free.js';
import { computedConstants, isLeaf, readNodes } from './constants.js';
import { NOT_EXPORTED, rules } from './operators.js';
import * as onnx from './schema.js';
import type { Writer } from './writer.js';

export type InputType = 'float32' | 'int32';

export interface OnnxOptions {
  /** Name of the graph. */
  readonly name?: string;
  /** Version of Paperweight, for the producer field of the file. */
  readonly version?: string;
  /** Metadata strings, such as the class names. */
  readonly metadata?: Readonly<Record<string, string>>;
  /**
   * Type of the input: float32 by default, int32 for positions in a table of embeddings. Of several inputs, a record by
   * their names.
   */
  readonly inputType?: InputType | Readonly<Record<string, InputType>>;
  /** Name of the output, if the result is one tensor; default `logits`. */
  readonly outputName?: string;
}

/** An input or output of a file; sizes that depend on the batch are texts. */
export interface OnnxPort {
  readonly name: string;
  readonly shape: readonly (number | string)[];
}

/** Batch size for tracing. A large prime: dimensions that it divides depend on the batch. */
const TRACED_BATCH = 263;
/** Another one, to find what else depends on it. */
const OTHER_BATCH = 269;
/** More of them, for which a network may take another way: few images, and many. */
const RARE_BATCHES = [1, 2, 3, 1021];
const INPUT = 'images';
const OUTPUT = 'logits';

/**
 * Exports a model's inference graph to ONNX, opset 17: input `images` [batch, C, H, W], output `logits`, with any batch
 * size. Parameters have the names of `stateDict()`. Dropout is removed. Several tensors of a result have the names of
 * their places in it: `output_0`, or the key of a record.
 *
 * @param inputShape [C, H, W] of one image; [T] of a sequence of positions in a table. If `forward` takes several tensors,
 *   a record of such shapes, in their order, by the names that the inputs get
 * @returns the bytes of the file, as chunks for `writeFileAtomic`
 * @throws UsageError for an operation that ONNX cannot express, and for wrong arguments
 * @example
 * await writeFileAtomic('model.onnx', (await exportOnnx(model, [3, 224, 224])).pieces);
 */
export async function exportOnnx(
  model: Module<unknown>,
  inputShape: Shape | Readonly<Record<string, Shape>>,
  options: OnnxOptions = {},
): Promise<Message> {
  return (await exportWithPorts(model, inputShape, options)).file;
}

/** {@link exportOnnx}, with the inputs and outputs of the file. */
export async function exportWithPorts(
  model: Module<unknown>,
  inputShape: Shape | Readonly<Record<string, Shape>>,
  options: OnnxOptions,
): Promise<{ file: Message; inputs: OnnxPort[]; outputs: OnnxPort[] }> {
  checkOptionNames('exportOnnx', options, ['name', 'version', 'metadata', 'inputType', 'outputName']);
  const { name = 'paperweight', version = '', metadata = {}, outputName = OUTPUT } = options;
  const texts = isRecord(metadata) ? Object.values(metadata) : [undefined];
  if (![name, version, outputName, ...texts].every((text) => typeof text === 'string'))
    throw new UsageError({
      what: 'exportOnnx got options that are not texts',
      expected: 'texts as name, version and outputName, and a record of texts as metadata',
      got: shown({ name, version, outputName, metadata }),
    });
  if (!(model instanceof Module))
    throw new UsageError({ what: 'exportOnnx writes a model', expected: 'a Module', got: shown(model) });
  const wanted = inputsOf(inputShape, options.inputType);
  const traced = (batch: number): Trace & { inputs: Tensor[]; outputs: [string, Node][] } => {
    const inputs = wanted.map(
      ({ shape, type }) => new Tensor(hostLeaf(makeArray(type, 0), [batch, ...shape], type)),
    );
    const forward = model.forward as (...inputs: Tensor[]) => unknown;
    const result = inEvaluation(model, () => withUnrolled(() => forward.call(model, ...inputs)));
    const outputs = outputsOf(model, result, outputName);
    const results = outputs.map(([, output]) => output);
    const nodes = reachable(results);
    return { inputs, outputs, results, nodes, work: workIn(nodes), batch };
  };
  const first = traced(TRACED_BATCH);
  const { inputs, outputs, nodes } = first;
  // Before any values are read: a later graph ends at nodes with known values.
  const other = traced(OTHER_BATCH);
  const rare = RARE_BATCHES.flatMap((batch) => {
    try {
      return traced(batch);
    } catch {
      // A network may refuse some batches; the file is for the others.
      return [];
    }
  });
  const taken = outputs.find(([key]) => key === '' || wanted.some((input) => input.name === key));
  if (taken)
    throw new UsageError({
      what: 'exportOnnx cannot name an output',
      expected: `a name that is not empty and none of the inputs': ${wanted.map((input) => input.name).join(', ')}`,
      got: shown(taken[0]),
      next: 'give the inputs other names, or another outputName',
    });
  const parameters = new Map([...model.stateDict()].map(([key, parameter]) => [parameter.node, key]));
  const graph = new GraphWriter(
    wanted.map((input) => input.name),
    outputs.map(([key]) => key),
  );
  const names = new Map<Node, string>(inputs.map(({ node }, i) => [node, wanted[i]!.name]));
  const constants = computedConstants(
    nodes,
    TRACED_BATCH,
    (leaf) => names.has(leaf) || (parameters.has(leaf) && leaf.dtype !== 'int32'),
  );
  const read = readNodes(nodes, first.results, constants);
  const leaves = new Set(nodes.filter(isLeaf));
  for (const node of nodes) {
    if (names.has(node)) continue;
    if (leaves.has(node) || constants.has(node)) {
      if (!read.has(node)) continue;
      const data = await new Tensor(node).data();
      const parameter = parameters.get(node);
      names.set(
        node,
        parameter === undefined ? graph.constant(node, data) : graph.leaf(parameter, node, data),
      );
    } else
      names.set(
        node,
        graph.operation(
          node,
          node.inputs.map((input) => names.get(input) ?? ''),
          outputs.find(([, output]) => output === node)?.[0],
        ),
      );
  }
  for (const [key, output] of outputs)
    if (names.get(output) !== key) graph.add('Identity', [names.get(output)!], {}, key);
  checkBatchFree(first, other);
  for (const trace of rare) checkSameWork(first, trace);
  const free = (shape: Shape) =>
    shape.map((size) => {
      const batches = size / TRACED_BATCH;
      return Number.isInteger(batches) ? (batches === 1 ? 'batch' : `${batches}*batch`) : size;
    });
  const port = (name: string, { shape, dtype }: Spec) => ({ name, shape: free(shape), dtype });
  const ports = {
    inputs: inputs.map((input, i) => port(wanted[i]!.name, input)),
    outputs: outputs.map(([key, output]) => port(key, output)),
  };
  const info = ({ name, shape, dtype }: ReturnType<typeof port>) => onnx.valueInfo(name, shape, dtype);
  const file = onnx.model(
    {
      name,
      nodes: graph.nodes,
      initializers: graph.initializers,
      inputs: ports.inputs.map(info),
      outputs: ports.outputs.map(info),
    },
    { version, metadata },
  );
  return { file, ...ports };
}

interface Input {
  readonly name: string;
  readonly shape: Shape;
  readonly type: InputType;
}

/** The inputs that are asked for. @throws UsageError */
function inputsOf(shapes: unknown, types: unknown = 'float32'): Input[] {
  const several = isRecord(shapes);
  const list = several ? Object.entries(shapes) : [[INPUT, shapes] as const];
  const isType = (type: unknown): type is InputType => type === 'float32' || type === 'int32';
  return list.map(([name, shape]) => {
    if (!isShape(shape) || shape.includes(0) || name === '')
      throw new UsageError({
        what: 'exportOnnx got a bad inputShape',
        expected:
          'the sizes of one image without the batch, such as [3, 224, 224], or a record of such sizes by name',
        got: shown(shapes),
      });
    const type = isRecord(types) ? (types[name] ?? 'float32') : types;
    const isKnown = !isRecord(types) || Object.keys(types).every((key) => list.some(([own]) => own === key));
    if (!isType(type) || !isKnown)
      throw new UsageError({
        what: 'exportOnnx got a bad inputType',
        expected: "'float32' or 'int32', or a record of these by the names of the inputs",
        got: shown(types),
      });
    return { name, shape, type };
  });
}

/** The tensors of a result, by their names in the file. */
function outputsOf(model: Module<unknown>, result: unknown, only: string): [string, Node][] {
  const found = namedTensors(result);
  const foreign = foreignIn(result);
  if (found.length > 0 && foreign !== undefined)
    throw new UsageError({
      what: `the result of ${model.typeName} has a value that ONNX cannot hold`,
      expected: 'tensors only, in arrays and plain objects',
      got: shown(foreign),
      next: 'export a module whose forward leaves it out, or returns it as a tensor that depends on the input',
    });
  if (found.length === 0)
    throw new UsageError({
      what: `${model.typeName} gives nothing that ONNX could hold`,
      expected: 'a tensor, or tensors in arrays and plain objects',
      got: shown(result),
    });
  return found.map(([path, { node }]) => {
    const name = path.replaceAll('.', '_');
    return [path === '' ? only : /^\d/.test(name) ? `output_${name}` : name, node];
  });
}

/** A value in arrays and plain objects that is neither a tensor nor missing. */
function foreignIn(value: unknown, around: readonly unknown[] = []): unknown {
  if (value === undefined || value === null || value instanceof Tensor || around.includes(value))
    return undefined;
  if (!Array.isArray(value) && !isRecord(value)) return value;
  for (const item of Object.values(value)) {
    const found = foreignIn(item, [...around, value]);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Runs `body` with all modules in evaluation mode, then restores the modes. */
function inEvaluation<T>(model: Module<unknown>, body: () => T): T {
  const modules = model.namedModules().map(([, module]) => ({ module, training: module.training }));
  model.eval();
  try {
    return body();
  } finally {
    for (const { module, training } of modules) module.training = training;
  }
}

class GraphWriter implements Writer {
  readonly nodes: Message[] = [];
  readonly initializers: Message[] = [];
  readonly batch = TRACED_BATCH;
  readonly #taken: Set<string>;
  /** Names of values that the file has so far. */
  readonly #written: Set<string>;
  /** Name of the batch size, once an operation needs it. */
  #batchSize: string | undefined;
  #scope = '';

  /** @param outputs names that are taken, as are those of the inputs */
  constructor(
    private readonly inputs: readonly string[],
    outputs: readonly string[],
  ) {
    this.#taken = new Set([...inputs, ...outputs]);
    this.#written = new Set(inputs);
  }

  #unique(wanted: string): string {
    let name = wanted;
    for (let n = 2; this.#taken.has(name); n++) name = `${wanted}_${n}`;
    this.#taken.add(name);
    return name;
  }

  #initializer(
    wanted: string,
    shape: Shape,
    dtype: DType | 'int64',
    data: TypedArray | BigInt64Array,
  ): string {
    const name = this.#unique(wanted);
    this.initializers.push(onnx.tensor(name, shape, dtype, data));
    this.#written.add(name);
    return name;
  }

  leaf(wanted: string, { shape, dtype }: Spec, data: TypedArray): string {
    return this.#initializer(wanted, shape, dtype, data);
  }

  /**
   * A constant. One whose sizes grow with the batch is written once and repeated.
   *
   * @throws UsageError for a constant that differs from image to image
   */
  constant({ shape, dtype }: Spec, data: TypedArray): string {
    const once = onceOf(shape, this.batch);
    if (sameShape(once, shape)) return this.leaf('constant', { shape, dtype }, data);
    const values = repeated(data, shape, once);
    if (values)
      return this.add('Expand', [this.leaf('constant', { shape: once, dtype }, values), this.shape(shape)]);
    throw new UsageError({
      what: `A constant ${showShape(shape)} cannot be exported to ONNX: it differs from image to image`,
      expected: 'constants that are the same for all images, since the exported batch has no fixed size',
      got: `other values in each of ${TRACED_BATCH} images`,
      next: 'compute it from the input, or make it a parameter or buffer of the model',
    });
  }

  operation(node: Node, inputs: readonly string[], output?: string): string {
    // The scope is `features.0 (Conv2d)`; keep only the path.
    this.#scope = node.scope.split(' ')[0]!;
    const name = output ?? this.#unique(this.#scope ? `${this.#scope}/${node.op}` : node.op);
    const rule = rules[node.op];
    const problem = rule
      ? rule(this, node, inputs, name)
      : (NOT_EXPORTED[node.op] ?? 'it belongs to training');
    if (problem)
      throw new UsageError({
        what: `${node.op}${node.scope ? ` in ${node.scope}` : ''} cannot be exported to ONNX: ${problem}`,
        expected: `operations of ${Object.keys(rules).join(', ')} that act on each image alone`,
        got: node.op,
      });
    return name;
  }

  add(
    type: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, onnx.Attribute>> = {},
    output = this.#unique(this.#scope ? `${this.#scope}/${type}` : type),
    before = 0,
  ): string {
    const unread = Array.from({ length: before }, () => this.#unique(`${output}:unread`));
    const missing = inputs.find((input) => !this.#written.has(input));
    if (missing !== undefined)
      throw new PaperweightError({
        what: `exportOnnx would write an invalid file: ${type}${this.#scope ? ` in ${this.#scope}` : ''} reads a value that is not in it`,
        expected: 'inputs that are written before it',
        got: shown(missing),
        next: 'report this, with the network',
      });
    const outputs = [...unread, output];
    this.nodes.push(onnx.node(type, `${output}:${type}`, inputs, outputs, attributes));
    for (const each of outputs) this.#written.add(each);
    return output;
  }

  floats(values: readonly number[], shape: readonly number[]): string {
    return this.#initializer('constant', shape, 'float32', Float32Array.from(values));
  }

  integers(values: readonly number[], shape: readonly number[] = [values.length]): string {
    return this.#initializer('constant', shape, 'int64', BigInt64Array.from(values, BigInt));
  }

  shape(sizes: readonly number[]): string {
    if (sizes.every((size) => size % this.batch !== 0)) return this.integers(sizes);
    this.#batchSize ??= this.add('Gather', [this.add('Shape', [this.inputs[0]!]), this.integers([0])]);
    const batch = this.#batchSize;
    const parts = sizes.map((size) => {
      if (size % this.batch !== 0) return this.integers([size]);
      return size === this.batch ? batch : this.add('Mul', [batch, this.integers([size / this.batch])]);
    });
    return parts.length === 1 ? parts[0]! : this.add('Concat', parts, { axis: 0 });
  }
}
