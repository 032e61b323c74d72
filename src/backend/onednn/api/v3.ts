import type { OneDnnLibrary } from '../library/library.js';
import { copyOut } from '../library/memory.js';
import { Arg, type Dims, type DnnlType, type Handle, Md, TYPE } from './constants.js';
import { longs, type PdArgs } from './core.js';
import { Dnnl } from './dnnl.js';

/*
 * The parts specific to oneDNN 3. Memory descriptors are objects of the library, freed by a finalizer when they are
 * garbage-collected here: everything made from a descriptor has its own copy.
 */

const FORMAT_BLOCKED = 2;
const TAG_ANY = 1;

/** Properties of a memory descriptor that can be queried. */
const Ask = {
  strides: 14,
  ndims: 256,
  dims: 257,
  dataType: 258,
  formatKind: 262,
  blockCount: 263,
  blockSizes: 264,
  blockDims: 265,
} as const;

export class DnnlV3 extends Dnnl {
  protected override readonly postOpBase = 32768;
  protected override readonly scaleAndShift = 0x6;
  override readonly batchNormGradInputs = [Arg.scale];
  readonly #registry: FinalizationRegistry<Handle>;

  constructor(library: OneDnnLibrary) {
    super(library);
    const destroy = this.fn('int dnnl_memory_desc_destroy(void *)');
    this.#registry = new FinalizationRegistry((address) => destroy(address));
  }

  #md(create: string, ...args: unknown[]): Md {
    const address = this.out(create, ...args);
    const md = new Md(address);
    this.#registry.register(md, address);
    return md;
  }

  protected override withStrides(dims: Dims, type: number, strides: Dims): Md {
    const create = 'dnnl_memory_desc_create_with_strides(void *, int, void *, int, void *)';
    return this.#md(create, dims.length, longs(dims), type, longs(strides));
  }

  override withType(md: Md, type: DnnlType): Md | undefined {
    const { strides, blocks } = this.blocking(md);
    return blocks.length === 0 ? this.plain(this.dims(md), type, strides) : undefined;
  }

  override any(dims: Dims, type: DnnlType = 'float32'): Md {
    const create = 'dnnl_memory_desc_create_with_tag(void *, int, void *, int, int)';
    return this.#md(create, dims.length, longs(dims), TYPE[type], TAG_ANY);
  }

  protected override copyMd(address: Handle): Md | null {
    if (this.#int(address, Ask.ndims) === 0) return null;
    return this.#md('dnnl_memory_desc_clone(void *, void *)', address);
  }

  #ask(address: Handle, what: number, result: ArrayBufferView): void {
    this.call('dnnl_memory_desc_query(void *, int, void *)', address, what, result);
  }

  #int(address: Handle, what: number): number {
    const result = new Int32Array(1);
    this.#ask(address, what, result);
    return result[0]!;
  }

  #longs(address: Handle, what: number, count: number): number[] {
    const pointer = new BigUint64Array(1);
    this.#ask(address, what, pointer);
    const values = new BigInt64Array(count);
    copyOut(new Uint8Array(values.buffer), Number(pointer[0]));
    return Array.from(values, Number);
  }

  override dims({ native }: Md): number[] {
    const address = native as Handle;
    return this.#longs(address, Ask.dims, this.#int(address, Ask.ndims));
  }

  protected override typeCode({ native }: Md): number {
    return this.#int(native as Handle, Ask.dataType);
  }

  override isBlocked({ native }: Md): boolean {
    return this.#int(native as Handle, Ask.formatKind) === FORMAT_BLOCKED;
  }

  protected override blocking({ native }: Md) {
    const address = native as Handle;
    const count = this.#int(address, Ask.blockCount);
    const dims = this.#longs(address, Ask.blockDims, count);
    return {
      strides: this.#longs(address, Ask.strides, this.#int(address, Ask.ndims)),
      blocks: this.#longs(address, Ask.blockSizes, count).map((size, i) => ({ size, dim: dims[i]! })),
    };
  }

  protected override appendEltwise(ops: Handle, alg: number, alpha: number, beta: number): void {
    this.call('dnnl_post_ops_append_eltwise(uintptr_t, int, float, float)', ops, alg, alpha, beta);
  }

  protected override appendSum(ops: Handle, scale: number): void {
    // Without a zero point, and with the destination's element type.
    this.call('dnnl_post_ops_append_sum(uintptr_t, float, int, int)', ops, scale, 0, 0);
  }

  protected override createPd(
    kind: string,
    parameters: string,
    args: PdArgs,
    attr: Handle,
    hint: Handle,
    avoid: (pd: Handle) => boolean,
  ): Handle | undefined {
    const types = parameters.replace(/md|dims/g, 'void *');
    const native = args.map((a) => (a instanceof Md ? a.native : Array.isArray(a) ? longs(a) : a));
    const hints = kind.includes('_backward') ? [hint] : [];
    const create = `dnnl_${kind}_primitive_desc_create(void *, uintptr_t, ${types}${', uintptr_t'.repeat(hints.length + 1)})`;
    const pd = this.out(create, this.engine, ...native, ...hints, attr);
    const next = this.fn('int dnnl_primitive_desc_next_impl(uintptr_t)');
    while (avoid(pd))
      if (Number(next(pd)) !== 0) {
        this.destroyPd(pd);
        return undefined;
      }
    return pd;
  }
}
