import type { Node } from '../../../graph/node.js';
import { folded } from './fold.js';
import type { AttributeKinds, NodeProto } from './proto.js';
import { misfit, quoted, refuse } from './refuse.js';
import { decodeTensor, type FileTensor } from './tensor.js';

/**
 * What a value is: numbers that the device computes, whole numbers and truth values that are known while the graph
 * is built, or truth values and positions that the device computes (`mask`: int32, or float32 of 0 and 1).
 */
export type ValueKind = 'float' | 'integer' | 'mask';

/** What a value is, and its `TensorProto.DataType` in the file where that is known. */
export interface ValueType {
  readonly kind: ValueKind;
  readonly type: number | undefined;
}

/** Values of one pass through the graph; an optional input that is not there is undefined. */
export type Inputs = readonly (Node | undefined)[];

/** Adds one operator to the graph. @param training whether the module trains @throws ShapeError */
export type Kernel = (inputs: Inputs, training: boolean) => Node;

/** Reads an operator's attributes, once, and gives its kernel. @throws CheckpointError */
export type Rule = (operator: Operator) => Kernel;

const ANOTHER = 'export the model again, for inference, with this node in another form or without it';

/** A node of the file, for the rule that reads it: each attribute must be asked for, or it is refused. */
export class Operator {
  readonly type: string;
  readonly inputKinds: readonly (ValueKind | undefined)[];
  readonly #unread: Set<string>;

  constructor(
    private readonly proto: NodeProto,
    /** What messages call it: its own name, or its output's. */
    readonly name: string,
    /** Version of ONNX's operators that the file is written in. */
    readonly opset: number,
    readonly inputTypes: readonly (ValueType | undefined)[],
    /** Which of its results is asked for. */
    readonly output = 0,
  ) {
    this.type = proto.type;
    this.inputKinds = inputTypes.map((each) => each?.kind);
    this.#unread = new Set(proto.attributes.keys());
  }

  /** How many results it has. */
  get outputs(): number {
    return this.proto.outputs.length;
  }

  refuse(problem: string, expected?: string, got?: string, next = ANOTHER): never {
    return refuse(`${this.type} ${quoted(this.name)}: ${problem}`, expected, got, next);
  }

  misfit(problem: string, expected: string, got: string, next = ANOTHER): never {
    return misfit(`${this.type} ${quoted(this.name)}: ${problem}`, expected, got, next);
  }

  /** Refuses what no rule has read: passing over it would change what the model computes. */
  close(): void {
    for (const name of this.#unread)
      this.refuse(`attribute ${quoted(name)} is unknown`, `what opset ${this.opset} has`, quoted(name));
  }

  /** For attributes that change nothing in what is computed here. */
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

  /** One of a few words. */
  word(name: string, words: readonly string[]): string {
    const value = this.#read(name, 'string') ?? words[0]!;
    if (!words.includes(value)) this.refuse(`attribute ${quoted(name)}`, words.join(' or '), quoted(value));
    return value;
  }

  ints(name: string): readonly number[] | undefined {
    return this.#read(name, 'ints');
  }

  floats(name: string): readonly number[] | undefined {
    return this.#read(name, 'floats');
  }

  /** Whole numbers of at least `least`, as many as `count`. */
  sizes(name: string, count: number, least: number): readonly number[] | undefined {
    const values = this.ints(name);
    if (values && !(values.length === count && values.every((v) => Number.isSafeInteger(v) && v >= least)))
      this.refuse(
        `attribute ${quoted(name)}`,
        `${count} whole numbers of at least ${least}`,
        `[${values.slice(0, 10).join(', ')}]`,
        'only one- and two-dimensional windows can be computed here',
      );
    return values;
  }

  tensor(name: string): FileTensor | undefined {
    const proto = this.#read(name, 'tensor');
    return proto && decodeTensor(proto, new Map());
  }

  /** Fails unless a switch has its only value that can be computed here. @param otherwise what it is if it is not there */
  only(name: string, value: number, otherwise = value): void {
    const got = this.int(name, otherwise);
    if (got !== value) this.refuse(`attribute ${quoted(name)}`, String(value), String(got));
  }

  /** Numbers of inputs from `least` to `most` that are there. */
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

  /** A list of whole numbers that is an attribute before some opset, and an input from then on. */
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

  /** Whole numbers, or a constant, which a pass must know before it computes. */
  known(value: Node, what: string): readonly number[] {
    const data = folded(value);
    if (data) return [...data];
    return this.misfit(what, 'values that do not depend on the images', 'values that are computed');
  }

  /** Axes of a tensor, counted from its end if they are negative. */
  axes(axes: readonly number[], rank: number): number[] {
    const normal = axes.map((axis) => (axis < 0 ? axis + rank : axis));
    if (!normal.every((axis) => Number.isInteger(axis) && axis >= 0 && axis < rank))
      this.misfit('its axes', `from ${-rank} to ${rank - 1}`, axes.slice(0, 10).join(', '));
    if (new Set(normal).size !== normal.length) this.misfit('its axes', 'each axis once', axes.join(', '));
    return normal;
  }
}
