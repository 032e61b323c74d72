import { copyOut } from '../library/memory.js';
import { Alg, Arg, type Dims, type DnnlType, type Handle, Md, TYPE } from './constants.js';
import { longs, type PdArgs } from './core.js';
import { Dnnl } from './dnnl.js';

/*
 * The parts specific to oneDNN 2. A memory descriptor is a struct owned by the caller. A primitive descriptor is created
 * from an operation descriptor, another struct. The library fills both; here they are byte arrays.
 */

/** Size of dnnl_memory_desc_t in 2.4 and all later 2.x; below are the offsets of its fields. */
const MD_BYTES = 696;
/** More than the largest operation descriptor of any 2.x version (convolution: 5,976 bytes). */
const OP_DESC_BYTES = 16384;
const MAX_DIMS = 12;
const DIMS = 8;
const DATA_TYPE = 104;
const PADDED_DIMS = 112;
const FORMAT_KIND = 312;
const STRIDES = 320;
const BLOCK_COUNT = STRIDES + MAX_DIMS * 8;
const BLOCK_SIZES = BLOCK_COUNT + 8;
const BLOCK_DIMS = BLOCK_SIZES + MAX_DIMS * 8;
const FORMAT_BLOCKED = 2;

/** Size above which weights are reordered with the workaround; the smallest with wrong values had 900,000 elements. */
const LARGE = 2 ** 17;

/** Elementwise algorithms whose constants differ from version 3. */
const ELTWISE: ReadonlyMap<number, number> = new Map([
  [Alg.relu, 0x1f],
  [Alg.tanh, 0x2f],
  [Alg.round, 0x40],
  [Alg.linear, 0x7f],
  [Alg.logistic, 0xaf],
  [Alg.geluTanh, 0xcf],
  [Alg.geluErf, 0x30],
  [Alg.clip, 0xff],
]);

/** Indices of the arguments that version 3 has in addition, by primitive; version 2 has one descriptor for both sides. */
const EXTRA: Readonly<Record<string, readonly number[]>> = {
  eltwise_forward: [3],
  eltwise_backward: [2],
  lrn_forward: [3],
  lrn_backward: [2],
  batch_normalization_forward: [2],
  batch_normalization_backward: [2],
  layer_normalization_forward: [2],
  layer_normalization_backward: [2],
  softmax_forward: [1, 3],
  softmax_backward: [0, 2],
};

const nameOf = (kind: string): string =>
  kind.startsWith('convolution') ? `dilated_${kind}` : kind.replace(/^pooling_/, 'pooling_v2_');

const fields = ({ native }: Md): DataView => {
  const { buffer, byteOffset } = native as Uint8Array;
  return new DataView(buffer, byteOffset);
};

export class DnnlV2 extends Dnnl {
  protected override readonly postOpBase = 16384;
  protected override readonly scaleAndShift = 0x18;
  override readonly batchNormGradInputs = [Arg.scale, Arg.shift];

  #md(fill: (bytes: Uint8Array) => void): Md {
    const bytes = new Uint8Array(MD_BYTES);
    fill(bytes);
    return new Md(bytes);
  }

  protected override withStrides(dims: Dims, type: number, strides: Dims): Md {
    const init = 'dnnl_memory_desc_init_by_strides(void *, int, void *, int, void *)';
    return this.#md((md) => this.call(init, md, dims.length, longs(dims), type, longs(strides)));
  }

  override any(dims: Dims, type: DnnlType = 'float32'): Md {
    const init = 'dnnl_memory_desc_init_by_tag(void *, int, void *, int, int)';
    return this.#md((md) => this.call(init, md, dims.length, longs(dims), TYPE[type], 1));
  }

  protected override copyMd(address: Handle): Md | null {
    const md = this.#md((into) => copyOut(into, Number(address)));
    return fields(md).getInt32(0, true) === 0 ? null : md;
  }

  override dims(md: Md): number[] {
    const v = fields(md);
    return longsAt(v, DIMS, v.getInt32(0, true));
  }

  protected override typeCode(md: Md): number {
    return fields(md).getInt32(DATA_TYPE, true);
  }

  override withType({ native }: Md, type: DnnlType): Md {
    const md = this.#md((bytes) => bytes.set(native as Uint8Array));
    fields(md).setInt32(DATA_TYPE, TYPE[type], true);
    return md;
  }

  override isBlocked(md: Md): boolean {
    return fields(md).getInt32(FORMAT_KIND, true) === FORMAT_BLOCKED;
  }

  protected override blocking(md: Md) {
    const v = fields(md);
    const count = v.getInt32(BLOCK_COUNT, true);
    const dims = longsAt(v, BLOCK_DIMS, count);
    return {
      strides: longsAt(v, STRIDES, v.getInt32(0, true)),
      blocks: longsAt(v, BLOCK_SIZES, count).map((size, i) => ({ size, dim: dims[i]! })),
    };
  }

  protected override eltwiseAlg(alg: number): number {
    return ELTWISE.get(alg) ?? alg;
  }

  protected override appendEltwise(ops: Handle, alg: number, alpha: number, beta: number): void {
    const append = 'dnnl_post_ops_append_eltwise(uintptr_t, float, int, float, float)';
    this.call(append, ops, 1, this.eltwiseAlg(alg), alpha, beta);
  }

  protected override appendSum(ops: Handle, scale: number): void {
    this.call('dnnl_post_ops_append_sum(uintptr_t, float)', ops, scale);
  }

  protected override createPd(
    kind: string,
    parameters: string,
    args: PdArgs,
    attr: Handle,
    hint: Handle,
    avoid: (pd: Handle) => boolean,
  ): Handle | undefined {
    const used = <T>(list: readonly T[]) => list.filter((_, i) => !EXTRA[kind]?.includes(i));
    const types = used(parameters.replace(/md|dims/g, 'void *').split(', ')).join(', ');
    const native = used(args).map((a) => (a instanceof Md ? a.native : Array.isArray(a) ? longs(a) : a));
    const desc = new Uint8Array(OP_DESC_BYTES);
    this.call(`dnnl_${nameOf(kind)}_desc_init(void *, ${types})`, desc, ...native);
    const create = 'dnnl_primitive_desc_create(void *, void *, uintptr_t, uintptr_t, uintptr_t)';
    const first = this.out(create, desc, attr, this.engine, hint);
    if (!avoid(first)) return first;
    this.destroyPd(first);
    return this.#another(desc, attr, hint, avoid);
  }

  #another(desc: Uint8Array, attr: Handle, hint: Handle, avoid: (pd: Handle) => boolean): Handle | undefined {
    const create = 'dnnl_primitive_desc_iterator_create(void *, void *, uintptr_t, uintptr_t, uintptr_t)';
    const iterator = this.out(create, desc, attr, this.engine, hint);
    const next = this.fn('int dnnl_primitive_desc_iterator_next(uintptr_t)');
    const fetch = this.fn('uintptr_t dnnl_primitive_desc_iterator_fetch(uintptr_t)');
    try {
      do {
        const pd = BigInt(fetch(iterator));
        if (!avoid(pd)) return pd;
        this.destroyPd(pd);
      } while (Number(next(iterator)) === 0);
      return undefined;
    } finally {
      this.call('dnnl_primitive_desc_iterator_destroy(uintptr_t)', iterator);
    }
  }

  /**
   * Version 2.6 reorders `ab16b64a` weights to row-major with wrong values in the last block if the number of outputs is
   * not a multiple of the block and there are about 9,000 inputs or more: its vectorised reorder mishandles tails.
   */
  override unpadded(from: Md, to: Md): Md | undefined {
    if (!this.isBlocked(from) || this.blocking(from).blocks.length < 2 || this.blocking(to).blocks.length > 0)
      return undefined;
    const v = fields(from);
    const ndims = v.getInt32(0, true);
    const padded = longsAt(v, PADDED_DIMS, ndims);
    if (padded.join() === this.dims(from).join() || padded.reduce((a, b) => a * b) < LARGE) return undefined;
    return this.#md((md) => {
      md.set(from.native as Uint8Array);
      new BigInt64Array(md.buffer, DIMS, ndims).set(longs(padded));
    });
  }
}

const longsAt = (v: DataView, offset: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => Number(v.getBigInt64(offset + 8 * i, true)));
