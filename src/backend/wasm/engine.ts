import { DeviceError } from '../../errors/errors.js';
import type { Graph } from '../../graph/graph.js';
import { type Spec, sizeOf, type TypedArray } from '../../graph/types.js';
import { f } from '../../ops/formula.js';
import { accepts, compile, MAX_PAGES } from '../../webassembly/runtime.js';
import type { Engine, EngineInfo, Kernels, Plan } from '../backend.js';
import { checkFits } from '../check-values.js';
import { checkOperations } from '../plan/describe.js';
import { KeptCopies } from '../plan/kept.js';
import { tileOfMachine } from '../simd/gemm/tile.js';
import { encodeKernel } from '../simd/kernel.js';
import { KernelPool } from '../simd/pool.js';
import type { StartThread } from '../simd/threads/serve.js';
import { Algorithms, type ChoiceStore } from './algorithms.js';
import { WasmMemory } from './memory.js';
import { type Host, type Stored, WasmPlan } from './plan.js';
import { sgemmRate } from './sgemm.js';

/**
 * Engine that computes with generated WebAssembly: nothing to install, on every processor, in Node and in browsers. All
 * values lie in one WebAssembly memory of at most 4 GiB. An engine belongs to one thread.
 */
export class WasmEngine implements Engine, Host {
  readonly info: EngineInfo;
  readonly kept: KeptCopies;
  readonly memory: WasmMemory;
  readonly pool: KernelPool;
  readonly algorithms: Algorithms;
  readonly #storages = new Map<number, Stored>();
  /** Counter of changes of all storages, so that versions are unique. */
  #changes = 0;
  #arena: { readonly offset: number; readonly bytes: number } | undefined;

  /**
   * @param options.threads number of threads that compute
   * @param options.start how to start a thread; without it one thread computes
   * @param options.store keeps which algorithms are faster on this machine; without it they are chosen by a rule
   * @throws DeviceError if there is no WebAssembly SIMD, or no memory
   */
  constructor({
    threads = 1,
    start,
    store,
    keptBytes,
  }: {
    threads?: number;
    start?: StartThread;
    store?: ChoiceStore | undefined;
    /** Memory for copies of storages that all plans keep. */
    keptBytes?: number;
  } = {}) {
    this.kept = new KeptCopies(keptBytes);
    checkSimd();
    const shared = start !== undefined && threads > 1 && typeof SharedArrayBuffer === 'function';
    this.memory = new WasmMemory(shared);
    const team = shared ? threads : 1;
    this.pool = new KernelPool(this.memory.memory, shared ? MAX_PAGES : 0, team, start);
    this.algorithms = new Algorithms(this.memory, this.pool, store);
    this.info = {
      engine: 'wasm',
      version: 'built in',
      threads: team,
      precision: 'float32',
      isa: tileOfMachine().fused ? 'relaxed-simd' : 'simd128',
    };
  }

  compile(graph: Graph): Plan {
    checkOperations(graph, 'wasm');
    const plan = new WasmPlan(this, graph);
    this.algorithms.store?.save();
    return plan;
  }

  kernels(keep: Kernels): Kernels {
    return this.algorithms.keepTo(keep);
  }

  write(id: number, spec: Spec, data: TypedArray): void {
    checkFits(`Values for storage ${id}`, spec, data);
    const before = this.#storages.get(id);
    const { shape, dtype } = spec;
    if (before && before.spec.dtype === dtype && sizeOf(before.spec.shape) === data.length)
      this.#storages.set(id, { spec: { shape, dtype }, offset: before.offset, version: ++this.#changes });
    else {
      this.free(id);
      const offset = this.allocate(data.byteLength, 'weights and optimizer state');
      this.#storages.set(id, { spec: { shape, dtype }, offset, version: ++this.#changes });
    }
    this.#values(id).set(data as never);
  }

  read(id: number): TypedArray {
    return this.#values(id).slice();
  }

  readInto(id: number, start: number, into: TypedArray): void {
    into.set(this.#values(id).subarray(start, start + into.length) as never);
  }

  free(id: number): void {
    const stored = this.#storages.get(id);
    if (!stored) return;
    this.memory.free(stored.offset);
    this.#storages.delete(id);
  }

  stored(id: number): Stored {
    const stored = this.#storages.get(id);
    if (stored) return stored;
    throw new DeviceError({ what: `The wasm device holds no storage ${id}`, next: 'write it first' });
  }

  changed(id: number): void {
    this.stored(id).version = ++this.#changes;
  }

  #values(id: number): TypedArray {
    const { spec, offset } = this.stored(id);
    return this.memory.array(spec.dtype, offset, sizeOf(spec.shape));
  }

  /** All plans share one arena, since they run one after another; it is as large as the largest of them needs. */
  arena(bytes: number): number {
    if (this.#arena && this.#arena.bytes >= bytes) return this.#arena.offset;
    if (this.#arena) this.memory.free(this.#arena.offset);
    this.#arena = undefined;
    this.#arena = { offset: this.allocate(bytes, 'intermediate values'), bytes };
    return this.#arena.offset;
  }

  allocate(bytes: number, what: string): number {
    const offset = this.memory.allocate(bytes);
    if (offset !== undefined) return offset;
    const gib = (n: number): string => `${(n / 1024 ** 3).toFixed(2)} GiB`;
    throw new DeviceError({
      what: `The wasm device has not enough memory for ${what}`,
      expected: `at most ${gib(this.memory.maxBytes)} for all storages and values together, or less if the system has less`,
      got: `${gib(bytes)} more, beside ${gib(this.memory.used)} in use`,
      next: 'use a smaller batch or a smaller model; outside of browsers, the device onednn has no such limit',
    });
  }

  sgemmRate(n: number, repeats: number): number {
    return sgemmRate(this, n, repeats);
  }

  close(): void {
    const { failed } = this.pool;
    this.pool.close();
    this.#storages.clear();
    // A thread that failed may still write.
    if (!failed) this.memory.release();
  }
}

/** @throws DeviceError if the JavaScript engine has no WebAssembly SIMD, or must not use it */
function checkSimd(): void {
  const module = encodeKernel(
    { formula: f.neg(f.input(0)), inputs: 1, dimensions: [{ size: 0, steps: [1] }] },
    0,
  );
  const what = 'Device "wasm" does not work here';
  try {
    if (accepts(module)) return void compile(module);
  } catch (cause) {
    throw new DeviceError({
      what,
      expected: 'a program that may compile WebAssembly',
      got: (cause as Error).message,
      next: "in a page, add 'wasm-unsafe-eval' to script-src of its Content-Security-Policy",
      cause,
    });
  }
  throw new DeviceError({
    what,
    expected: 'WebAssembly with SIMD (Node, or a browser of 2023 or later)',
    got: 'a JavaScript engine without it, or with WebAssembly switched off',
    next: 'use --device reference, or in a page referenceDevice(), which is slow',
  });
}
