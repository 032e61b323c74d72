import { shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import { hostLeaf, type Node, scalarLeaf } from '../../graph/node.js';
import { makeArray } from '../../graph/types.js';
import * as ops from '../../ops/index.js';
import { Tensor } from '../../tensor/tensor.js';

/** Larger than any sum that enters a gate: its sigmoid is exactly 1, and that of its negative exactly 0. */
const SURE = 1e4;
/** What replaces the gates' inputs behind an end. i = 0 and f = 1 keep an LSTM's c; a rectifier gives 0. */
const HELD: Readonly<Record<ops.Cell, readonly number[]>> = {
  lstm: [-SURE, SURE, 0, 0],
  gru: [0, 0, 0],
  tanh: [0],
  relu: [-SURE],
};

/**
 * The lengths of the sequences of a batch, whose later positions are padding: it changes no result, like PyTorch's
 * `pack_padded_sequence`.
 */
export class Lengths {
  readonly #lengths: readonly number[];
  readonly #positions: number;

  /**
   * @param given one integer from 1 to `positions` for each sequence
   * @throws UsageError for anything else
   */
  constructor(owner: string, given: unknown, positions: number, n: number) {
    const known = given instanceof Tensor ? knownValues(given) : given;
    const list =
      Array.isArray(known) || ArrayBuffer.isView(known) ? Array.from(known as number[]) : undefined;
    const bad = list?.find((value) => !Number.isInteger(value) || value < 1 || value > positions);
    if (!list || list.length !== n || bad !== undefined)
      throw new UsageError({
        what: `${owner} got bad lengths`,
        expected: `${n} integers from 1 to ${positions}, one for each sequence`,
        got: bad === undefined ? (list ? `${list.length} values` : shown(given)) : String(bad),
        ...(given instanceof Tensor && !list ? { next: 'pass an array: await its data()' } : {}),
      });
    this.#lengths = list;
    this.#positions = positions;
  }

  /** Zeros behind the ends of sequences [T, N, F]. */
  cut(x: Node): Node {
    return ops.where(this.#behind(), scalarLeaf(0, x.dtype), x);
  }

  /** The gates' inputs [T, N, gates · H] of a cell whose state does not change behind the ends. */
  held(inputs: Node, cell: ops.Cell): Node {
    const { dtype } = inputs;
    const values = HELD[cell];
    const each = inputs.shape[2]! / values.length;
    const data = makeArray(dtype, inputs.shape[2]!);
    values.forEach((value, i) => void data.fill(value, i * each, (i + 1) * each));
    return ops.where(this.#behind(), hostLeaf(data, [data.length], dtype), inputs);
  }

  /** Each sequence from its end to its beginning; the padding stays behind it. */
  reversed(x: Node): Node {
    return this.#rows(x, (position, length) => (position < length ? length - 1 - position : position));
  }

  /** The last positions [N, F] of sequences [T, N, F]. */
  last(x: Node): Node {
    return ops.select(
      this.#rows(x, (_, length) => length - 1, 1),
      0,
      0,
    );
  }

  /** 1 behind the ends, else 0: [T, N, 1]. */
  #behind(): Node {
    const data = this.#each(this.#positions, (position, length) => (position < length ? 0 : 1));
    return hostLeaf(data, [this.#positions, this.#lengths.length, 1], 'int32');
  }

  /** Positions of each sequence, chosen by `from`. */
  #rows(x: Node, from: (position: number, length: number) => number, positions = this.#positions): Node {
    const [t, n, features] = x.shape as [number, number, number];
    const rows = this.#each(positions, (position, length, i) => from(position, length) * n + i);
    const index = hostLeaf(rows, [rows.length], 'int32');
    const chosen = ops.indexSelect(ops.reshape(x, [t * n, features]), index, 0);
    return ops.reshape(chosen, [positions, n, features]);
  }

  #each(positions: number, make: (position: number, length: number, sequence: number) => number): Int32Array {
    const n = this.#lengths.length;
    return Int32Array.from({ length: positions * n }, (_, k) =>
      make(Math.floor(k / n), this.#lengths[k % n]!, k % n),
    );
  }
}

/** The values of a tensor of integers, if they are known without computing anything. */
/** The values of a list of integers, if they are known without a run. */
export function knownValues({ node, dtype }: Tensor): ArrayLike<number> | undefined {
  if (dtype !== 'int32' || node.shape.length !== 1) return undefined;
  return node.value ?? (node.source?.kind === 'host' ? node.source.data : undefined);
}
