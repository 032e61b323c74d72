import { quoted } from '../../../errors/excerpt.js';
import { hostLeaf } from '../../../graph/node.js';
import { sizeOf } from '../../../graph/types.js';
import { Parameter } from '../../../tensor/parameter.js';
import { Tensor } from '../../../tensor/tensor.js';
import { Operator, type ValueKind, type ValueType } from './operator.js';
import { ifStep, integerStep, OnnxOperator, Program, type Step } from './program.js';
import type { GraphProto, NodeProto, ValueProto } from './proto.js';
import { refuse } from './refuse.js';
import { computedOutputs, type Role, resultType, roleOf, ruleFor, supported } from './rules/index.js';
import { decodeTensor, type ExternalFiles, type FileTensor, isFloatType } from './tensor.js';

/** The result of compiling a model. */
export interface Compiled {
  readonly program: Program;
  /** Parameters and buffers, by their names in the file. */
  readonly parameters: ReadonlyMap<string, Parameter>;
  readonly operators: ReadonlyMap<string, OnnxOperator>;
  /** Types of the results. */
  readonly outputs: readonly ValueType[];
}

export interface CompileOptions {
  readonly opset: number;
  readonly external: ExternalFiles;
  /** The graph's inputs that are not initialisers. */
  readonly inputs: readonly ValueProto[];
}

/**
 * Compiles a graph into steps. Checks everything that a forward pass relies on: each value has exactly one source,
 * which precedes its users; each operator is supported, and so is each of its attributes.
 *
 * @throws CheckpointError
 */
export function compile(graph: GraphProto, options: CompileOptions): Compiled {
  refuseUnknown(graph);
  const compiler = new Compiler(options);
  const scope = new Scope();
  // Whole numbers of an input are not known when the graph is built.
  for (const { name, type } of options.inputs)
    scope.declare(name, { kind: isFloatType(type!) ? 'float' : 'mask', type });
  const program = compiler.graph(graph, scope);
  const { parameters, operators } = compiler;
  const outputs = program.outputs.map((output) => {
    const { kind, type } = scope.find(output)!.value;
    return { kind: kind!, type };
  });
  return { program, parameters, operators, outputs };
}

function* allNodes(graph: GraphProto): Generator<NodeProto> {
  for (const node of graph.nodes) {
    yield node;
    for (const attribute of node.attributes.values())
      if (attribute.kind === 'graph') yield* allNodes(attribute.value);
  }
}

/** A node may leave out results that nothing reads. */
const firstOutput = ({ outputs }: NodeProto): string | undefined => outputs.find((name) => name !== '');
const nameOf = (node: NodeProto): string => node.name || firstOutput(node) || 'without a name';

function refuseUnknown(graph: GraphProto): void {
  const unknown = [...allNodes(graph)].filter(
    ({ type, domain }) => domain !== '' || !supported.includes(type),
  );
  if (unknown.length === 0) return;
  const named = unknown
    .slice(0, 3)
    .map(
      (node) =>
        `${node.domain && `${quoted(node.domain)} `}${quoted(node.type)} in node ${quoted(nameOf(node))}`,
    );
  refuse(
    `it has operators that are not supported: ${named.join(', ')}${unknown.length > 3 ? ` and ${unknown.length - 3} more` : ''}`,
    `operators of ${supported.join(', ')}`,
    [...new Set(unknown.slice(0, 100).map(({ type }) => type.slice(0, 40)))]
      .slice(0, 10)
      .map(quoted)
      .join(', '),
    'export the model without them: for inference, without quantisation, with images as the only input',
  );
}

/** A value during compilation. */
interface Declared {
  /** Undefined for a result that is not supported, such as the indices of a max pooling. */
  readonly kind: ValueKind | undefined;
  readonly type?: number | undefined;
  readonly constant?: FileTensor;
}

class Scope {
  readonly #own = new Map<string, Declared>();
  /** Constants, set at the start of a forward pass. */
  readonly bound = new Map<string, Tensor>();

  constructor(private readonly outer?: Scope) {}

  find(name: string): { value: Declared; scope: Scope } | undefined {
    const value = this.#own.get(name);
    return value ? { value, scope: this } : this.outer?.find(name);
  }

  declare(name: string, value: Declared): void {
    if (this.find(name)) refuse(`two values are named ${quoted(name)}`, 'one name for each value');
    this.#own.set(name, value);
  }

  constant(name: string, constant: FileTensor): void {
    const kind = constant.data instanceof Float32Array ? 'float' : 'integer';
    this.declare(name, { kind, type: constant.type, constant });
  }
}

class Compiler {
  readonly parameters = new Map<string, Parameter>();
  readonly operators = new Map<string, OnnxOperator>();

  constructor(private readonly options: CompileOptions) {}

  graph(graph: GraphProto, scope: Scope): Program {
    for (const proto of graph.initializers)
      scope.constant(proto.name, decodeTensor(proto, this.options.external));
    const learned = learnedIn(graph);
    const steps: Step[] = [];
    for (const node of graph.nodes) steps.push(...this.#node(node, scope, graph, learned));
    for (const { name } of graph.outputs) this.#use(name, 'the graph’s output', scope, graph, learned);
    return new Program(
      scope.bound,
      steps,
      graph.outputs.map(({ name }) => name),
    );
  }

  #node(node: NodeProto, scope: Scope, graph: GraphProto, learned: Learned): Step[] {
    const name = nameOf(node);
    const what = `node ${quoted(name)}`;
    const output = firstOutput(node);
    if (!output) refuse(what, 'a name for its output', 'none');
    if (node.type === 'Constant') {
      scope.constant(output, constantOf(new Operator(node, name, this.options.opset, [])));
      return [];
    }
    const known = new Set(this.parameters.values());
    const types = node.inputs.map((input) =>
      input === '' ? undefined : this.#use(input, what, scope, graph, learned),
    );
    const operator = new Operator(node, name, this.options.opset, types);
    if (node.type === 'If') return [this.#branches(node, operator, scope)];
    const own = [...this.parameters.values()].slice(known.size);
    const computed = computedOutputs(node.type);
    const first = node.outputs.indexOf(output);
    return node.outputs.flatMap((output, i) => {
      if (output === '') return [];
      if (i >= computed) {
        scope.declare(output, { kind: undefined });
        return [];
      }
      const each = i === 0 ? operator : new Operator(node, name, this.options.opset, types, i);
      return [this.#step(node, each, output, scope, i === first ? own : [])];
    });
  }

  /** Compiles one result of a node. */
  #step(node: NodeProto, operator: Operator, output: string, scope: Scope, own: readonly Parameter[]): Step {
    const { kind, type } = resultType(node, operator);
    const rule = ruleFor(node.type, kind);
    if (!rule)
      return operator.refuse(
        `it is not supported for ${KINDS[kind]}`,
        'values of another kind',
        KINDS[kind],
        'export the model without it, or without what it reads',
      );
    const kernel = rule(operator);
    operator.close();
    scope.declare(output, { kind, type });
    if (kind === 'integer') return integerStep(kernel, node.inputs, output);
    const module = new OnnxOperator(node.type, kernel, node.inputs, output, own);
    let key = operator.name;
    for (let n = 2; this.operators.has(key); n++) key = `${operator.name}_${n}`;
    this.operators.set(key, module);
    return module;
  }

  #branches(node: NodeProto, operator: Operator, scope: Scope): Step {
    operator.arity(1);
    const programs = ['then_branch', 'else_branch'].map((branch) => {
      const found = node.attributes.get(branch);
      if (found?.kind !== 'graph') return operator.refuse(`attribute "${branch}"`, 'a graph', 'none');
      const inner = new Scope(scope);
      const program = this.graph(found.value, inner);
      if (program.outputs.length !== node.outputs.length)
        operator.refuse(
          `attribute "${branch}"`,
          `${node.outputs.length} results`,
          `${program.outputs.length}`,
        );
      return { program, types: program.outputs.map((name) => inner.find(name)!.value) };
    });
    const [yes, no] = programs as [(typeof programs)[0], (typeof programs)[0]];
    for (const [i, output] of node.outputs.entries()) {
      const { kind, type } = yes.types[i]!;
      if (kind !== no.types[i]!.kind) operator.refuse('its branches', 'results of one kind', 'two');
      scope.declare(output, { kind, type });
    }
    return ifStep(node.inputs[0]!, [yes.program, no.program], node.outputs);
  }

  /** Resolves a value that a node reads; registers it if it is a constant. */
  #use(name: string, what: string, scope: Scope, graph: GraphProto, learned: Learned): ValueType {
    const found = scope.find(name);
    if (!found) {
      const later = graph.nodes.some(({ outputs }) => outputs.includes(name));
      refuse(
        `${what} reads ${quoted(name)}`,
        'a value that comes before it',
        later
          ? 'the result of a later node: the graph has a cycle, or its nodes are not in order'
          : 'a value that no node computes',
      );
    }
    const { kind, type, constant } = found.value;
    if (!kind)
      refuse(
        `${what} reads ${quoted(name)}`,
        'the first result of a node',
        'another result, which is not supported',
      );
    if (constant && !found.scope.bound.has(name))
      found.scope.bound.set(name, this.#bind(name, constant, learned));
    return { kind, type };
  }

  #bind(name: string, { shape, data }: FileTensor, learned: Learned): Tensor {
    if (data instanceof Int32Array) return new Tensor(hostLeaf(data, shape, 'int32'));
    const role = learned.get(name);
    // Values such as an exponent must be constants in the graph.
    if (role === 'known' || (!role && sizeOf(shape) <= 1))
      return new Tensor(hostLeaf(data, shape, 'float32'));
    if (this.parameters.has(name))
      refuse(`two branches have weights named ${quoted(name)}`, 'one name for each');
    const parameter = new Parameter(data, shape, { trainable: role === 'learned' });
    this.parameters.set(name, parameter);
    return parameter;
  }
}

type Learned = ReadonlyMap<string, Exclude<Role, undefined>>;

const KINDS: Readonly<Record<ValueKind, string>> = {
  float: 'floating-point numbers',
  integer: 'whole numbers',
  mask: 'computed booleans and indices',
};

function learnedIn(graph: GraphProto): Learned {
  const roles = new Map<string, Exclude<Role, undefined>>();
  for (const { type, inputs } of allNodes(graph))
    for (const [position, name] of inputs.entries()) {
      const role = roleOf(type, position);
      if (role && (role === 'learned' || !roles.has(name))) roles.set(name, role);
    }
  return roles;
}

function constantOf(operator: Operator): FileTensor {
  const tensor = operator.tensor('value');
  const one = operator.has('value_float')
    ? { shape: [], type: 1, data: Float32Array.of(operator.float('value_float', 0)) }
    : operator.has('value_int')
      ? { shape: [], type: 7, data: Int32Array.of(operator.int('value_int', 0)) }
      : undefined;
  const ints = operator.ints('value_ints');
  const floats = operator.floats('value_floats');
  operator.close();
  const listed = ints
    ? { shape: [ints.length], type: 7, data: Int32Array.from(ints) }
    : floats && { shape: [floats.length], type: 1, data: Float32Array.from(floats) };
  return tensor ?? one ?? listed ?? operator.refuse('its value', 'a tensor or numbers', 'none');
}
