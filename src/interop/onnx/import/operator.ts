import { isInteger } from '../../../errors/arguments.js';
import { quoted } from '../../../errors/excerpt.js';
import type { Node } from '../../../graph/node.js';
import { folded } from './fold.js';
import type { AttributeKinds, NodeProto } from './proto.js';
import { misfit, refuse } from './refuse.js';
import { decodeTensor, type FileTensor } from './tensor.js';

/**
 * Kind of a value. `float`: computed on the device. `integer`: integers and booleans known when the graph is built.
 * `mask`: booleans and indices computed on the device (int32, or float32 of 0 and 1).
 */
export type ValueKind = 'float' | 'integer' | 'mask';

/** Kind of a value, and its `TensorProto.DataType` in the file if known. */
export interface ValueType {
  readonly kind: ValueKind;
  readonly type: number | undefined;
}

/** Inputs of an operator in a forward pass; a missing optional input is undefined. */
export type Inputs = readonly (Node | undefined)[];

/** Adds one operator to the graph. @param training whether the module trains @throws ShapeError */
export type Kernel = (inputs: Inputs, training: boolean) => Node;

/** Reads the attributes of an operator and returns its kernel. @throws CheckpointError */
export type Rule = (operator: Operator) => Kernel;

const ANOTHER = 'export the model again, for inference, without this node or with a different one';

/** A node of the file, as seen by its rule. An attribute that the rule does not read is an error. */
export class Operator {
  readonly type: string;
  readonly inputKinds: readonly (ValueKind | undefined)[];
  readonly #unread: Set<string>;

  constructor(
    private readonly proto: NodeProto,
    /** Name for messages: that of the node, or of its output. */
    readonly name: string,
    /** Opset version of the file. */
    readonly opset: number,
    readonly inputTypes: readonly (ValueType | undefined)[],
    /** Index of the requested result. */
    readonly output = 0,
  ) {
    this.type = proto.type;
    this.inputKinds = inputTypes.map((each) => each?.kind);
    this.#unread = new Set(proto.attributes.keys());
  }

  /** Number of results. */
  get outputs(): number {
    return this.proto.outputs.length;
  }

  refuse(problem: string, expected?: string, got?: string, next = ANOTHER): never {
    return refuse(`${this.type} ${quoted(this.name)}: ${problem}`, expected, got, next);
  }

  misfit(problem: string, expected: string, got: string, next = ANOTHER): never {
    return misfit(`${this.type} ${quoted(this.name)}: ${problem}`, expected, got, next);
  }

  /** @throws CheckpointError for attributes that no rule has read, since they could change the results */
  close(): void {
    for (const name of this.#unread)
      this.refuse(`attribute ${quoted(name)} is unknown`, `what opset ${this.opset} has`, quoted(name));
  }

  /** Marks attributes as read that do not affect the results. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.#unread.delete(name);
  }

  has(name: string): boolean {
    return this.proto.attributes.has(name);
  }

  #read<K extends keyof AttributeKinds>(name: string, kind: K): AttributeKinds[K] | undefined {
    this.#unread.delete(name);
    const found = this.proto.attributes.get(name);
    if (found === undefined) return undefined;
    if (found.kind !== kind) this.refuse(`attribute ${quoted(name)}`, `a value of kind ${kind}`, found.kind);
    return found.value as AttributeKinds[K];
  }

  int(name: string, otherwise: number): number {
    const value = this.#read(name, 'int') ?? otherwise;
    if (!Number.isSafeInteger(value))
      this.refuse(`attribute ${quoted(name)}`, 'a whole number', String(value));
    return value;
  }

  float(name: string, otherwise: number): number {
    const value = this.#read(name, 'float') ?? otherwise;
    if (!Number.isFinite(value)) this.refuse(`attribute ${quoted(name)}`, 'a finite number', String(value));
    return value;
  }

  /** Reads one of the given words. */
  word(name: string, words: readonly string[]): string {
    const value = this.#read(name, 'string') ?? words[0]!;
    if (!words.includes(value)) this.refuse(`attribute ${quoted(name)}`, words.join(' or '), quoted(value));
    return value;
  }

  text(name: string): string {
    return this.#read(name, 'string') ?? '';
  }

  texts(name: string): readonly string[] | undefined {
    return this.#read(name, 'strings');
  }

  ints(name: string): readonly number[] | undefined {
    return this.#read(name, 'ints');
  }

  floats(name: string): readonly number[] | undefined {
    return this.#read(name, 'floats');
  }

  /** Reads `count` integers of at least `least`. */
  sizes(name: string, count: number, least: number): readonly number[] | undefined {
    const values = this.ints(name);
    if (values && !(values.length === count && values.every((v) => isInteger(v, least))))
      this.refuse(
        `attribute ${quoted(name)}`,
        `${count} whole numbers of at least ${least}`,
        `[${values.slice(0, 10).join(', ')}]`,
        'only one- and two-dimensional windows are supported',
      );
    return values;
  }

  tensor(name: string): FileTensor | undefined {
    const proto = this.#read(name, 'tensor');
    return proto && decodeTensor(proto, new Map());
  }

  /** @param otherwise default of the attribute @throws CheckpointError unless it has the only supported value */
  only(name: string, value: number, otherwise = value): void {
    const got = this.int(name, otherwise);
    if (got !== value) this.refuse(`attribute ${quoted(name)}`, String(value), String(got));
  }

  /** Checks that there are `least` to `most` inputs, none of them missing. */
  arity(least: number, most = least): void {
    const count = this.inputKinds.length;
    const missing = this.inputKinds.slice(0, least).includes(undefined);
    if (count < least || count > most || missing)
      this.refuse(
        'its inputs',
        least === most ? `${least}` : `${least} to ${most}`,
        missing ? 'one missing' : `${count}`,
      );
  }

  /** A list of integers that is an attribute before opset `since` and an input from then on. */
  list(name: string, since: number, position: number): (inputs: Inputs) => readonly number[] | undefined {
    if (this.opset < since) {
      const fixed = this.ints(name);
      return () => fixed;
    }
    return (inputs) => {
      const input = inputs[position];
      return input && this.known(input, name);
    };
  }

  /** Values that must be known when the graph is built: integers or constants. */
  known(value: Node, what: string): readonly number[] {
    const data = folded(value);
    if (data) return [...data];
    return this.misfit(what, 'values that do not depend on the images', 'values that are computed');
  }

  /** Normalises axes; negative ones count from the end. */
  axes(axes: readonly number[], rank: number): number[] {
    const normal = axes.map((axis) => (axis < 0 ? axis + rank : axis));
    if (!normal.every((axis) => Number.isInteger(axis) && axis >= 0 && axis < rank))
      this.misfit('its axes', `from ${-rank} to ${rank - 1}`, axes.slice(0, 10).join(', '));
    if (new Set(normal).size !== normal.length) this.misfit('its axes', 'each axis once', axes.join(', '));
    return normal;
  }
}
