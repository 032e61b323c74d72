import type { Region } from '../../../plan/region.js';
import { ROWS, type Sequence } from '../../../simd/recurrent/recurrent.js';
import { Arg, type Handle, type Md, Query } from '../../api/dnnl.js';
import type { OneDnnBuilder } from '../../builder.js';
import { PRODUCT_WORDS } from '../../native/load.js';
import type { Product } from './products.js';

/** Maximum number of arguments of a product: input, weights, bias, result, scratch memory. */
const ARGS_BYTES = 5 * 16;

/** Memory of an operand of a product, for the first piece. */
export interface Operand {
  readonly arg: number;
  readonly region: Region;
  readonly offset: number;
  /** Numbers of each example; undefined for weights and biases, which all pieces read. */
  readonly columns?: number;
  /** Layout, for operands that all pieces read. */
  readonly md?: Md;
  /** Bytes from a position to the next. */
  readonly step?: number;
}

/** A product with its operands, or another primitive. */
export interface Placed {
  readonly product: Pick<Product, 'pds'>;
  readonly operands: readonly Operand[];
}

export interface Calls {
  /** Memory of the table that native kernels read, which `bind` returns. */
  readonly table: Region;
  /** All memory that they use. */
  readonly regions: readonly Region[];
  readonly bind: (at: (region: Region) => number) => BigUint64Array;
}

/** The calls of the primitives, piece by piece. */
export function callsOf(b: OneDnnBuilder, { count, length }: Sequence, placed: readonly Placed[]): Calls {
  const d = b.dnnl;
  const pieces = Math.ceil(count / ROWS);
  const regions = new Set<Region>();
  const primitives = placed.map(({ product }) =>
    b.threads.with(1, () => product.pds.map((pd) => d.primitive(pd))),
  );
  for (const primitive of primitives.flat()) b.disposers.push(() => d.destroyPrimitive(primitive));
  const handleOf = (md: Md): Handle => {
    const handle = d.memory(md, 0);
    b.disposers.push(() => d.destroyMemory(handle));
    return handle;
  };
  const callOf = (piece: number, k: number) => {
    const { product, operands } = placed[k]!;
    const rows = Math.min(ROWS, count - piece * ROWS);
    const which = rows === ROWS ? 0 : product.pds.length - 1;
    const scratch = d.query(product.pds[which]!, Query.scratchpad);
    const all: Operand[] = [...operands];
    if (scratch && d.bytes(scratch) > 0)
      all.push({ arg: Arg.scratchpad, region: b.region(d.bytes(scratch)), offset: 0, md: scratch });
    const isMoving = all.some(({ step = 0 }) => step !== 0);
    const places = all.map(({ arg, region, offset, columns = 0, md, step = 0 }) => {
      regions.add(region);
      const layout = md ?? d.plain([rows, columns]);
      const handles = Array.from({ length: step === 0 ? 1 : length }, () => handleOf(layout));
      return { arg, region, offset: offset + 4 * piece * ROWS * columns, step, handles };
    });
    return { primitive: primitives[k]![which]!, places, lists: isMoving ? length : 1 };
  };
  const made = Array.from({ length: pieces * placed.length }, (_, n) =>
    callOf(Math.floor(n / placed.length), n % placed.length),
  );
  const head = 8 * PRODUCT_WORDS * made.length;
  const bytes = head + ARGS_BYTES * made.reduce((sum, { lists }) => sum + lists, 0);
  const table = b.region(bytes);
  const bind = (at: (region: Region) => number): BigUint64Array => {
    const room = new Uint8Array(bytes);
    const words = new BigUint64Array(room.buffer);
    let place = head;
    made.forEach(({ primitive, places, lists }, n) => {
      const address = BigInt(at(table) + place);
      const next = BigInt(lists > 1 ? ARGS_BYTES : 0);
      words.set([primitive, d.stream, BigInt(places.length), address, next], PRODUCT_WORDS * n);
      for (const { region, offset, step, handles } of places)
        handles.forEach((handle, t) => {
          d.setAddress(handle, at(region) + offset + t * step);
        });
      for (let t = 0; t < lists; t++) {
        const args = places.map(({ arg, handles }) => [arg, handles[t % handles.length]!] as const);
        room.set(d.args(args), place);
        place += ARGS_BYTES;
      }
    });
    return words;
  };
  return { table, regions: [...regions, table], bind };
}
