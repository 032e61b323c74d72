import type { Node } from '../../graph/node.js';
import type { Attribute } from './schema.js';

/** Interface for rules: writes ONNX nodes and constants. */
export interface Writer {
  /** Adds a node; its result is named `output`, by default a new name. */
  add(
    type: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, Attribute>>,
    output?: string,
    /** Number of unused results before the named one. */
    before?: number,
  ): string;
  /** Adds a float32 constant. */
  floats(values: readonly number[], shape: readonly number[]): string;
  /** Adds an int64 constant, for shapes and axes: a list unless a shape is given. */
  integers(values: readonly number[], shape?: readonly number[]): string;
  /** A list of sizes; those that the batch size divides grow with the batch. */
  shape(sizes: readonly number[]): string;
  /** Batch size with which the graph was traced; the exported graph accepts any. */
  readonly batch: number;
}

/** Writes an operation as ONNX nodes whose last result is `output`. @returns the reason if that is impossible */
export type Rule = (w: Writer, node: Node, inputs: readonly string[], output: string) => string | undefined;
