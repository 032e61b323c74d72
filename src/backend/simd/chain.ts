import type { PlanBuilder } from '../plan/builder.js';
import type { Region } from '../plan/region.js';
import type { Bind, NewStep } from '../plan/step.js';
import type { KernelPool } from './pool.js';

/** A vector kernel for fixed shapes: the range that it computes, and how its operands are laid out along that range. */
export interface VectorKernel {
  /** Its id in the pool. */
  readonly kernel: number;
  /** Size of the range. */
  readonly total: number;
  /** Elements that it computes for each index of the range. */
  readonly inner: number;
  /** Pieces of the range are multiples of this. */
  readonly grain: number;
  /** Time of an element, in that of one exp. */
  readonly cost: number;
  /**
   * One span for each input, then one for the output: the number of elements for each index of the range, if index i
   * reads or writes only the elements i·span to (i + 1)·span; else 0.
   */
  readonly spans: readonly number[];
}

/** A kernel of a chain. One index of the chain's range covers `scale` indices of the kernel's range. */
interface Link extends VectorKernel {
  readonly operands: readonly Region[];
  readonly scale: number;
}

/** The control block of a pool has room for this many kernels. */
const MAX_LINKS = 12;
/** A chain over a smaller range cannot be divided well between threads. */
const MIN_TOTAL = 16;

/**
 * The vector kernels of a plan. Consecutive kernels that read the results before them row by row, as in layer
 * normalisation, become one step: it runs all of them on a few rows at a time, so that the values stay in the cache.
 */
export class VectorSteps<V, W extends object> {
  #chain: { readonly at: number; readonly links: readonly Link[] } | undefined;

  /** @param work makes an engine's step from a function that binds the kernels to addresses */
  constructor(
    readonly builder: PlanBuilder<V, W>,
    readonly pool: KernelPool,
    readonly work: (bind: Bind) => W,
  ) {}

  /** Whether the last step of the plan is a vector kernel that writes this region. */
  endsWith(region: Region): boolean {
    const { at, links } = this.#chain ?? { at: -1, links: [] };
    return at === this.builder.steps.length - 1 && links.some(({ operands }) => operands.at(-1) === region);
  }

  /**
   * Adds a kernel: to the last step if both can run as a chain, otherwise as a new step.
   * @param operands memory of the inputs and then of the output
   */
  emit(
    step: { op: string; scope: string; macs: number; writes: boolean },
    kernel: VectorKernel,
    operands: readonly Region[],
  ): void {
    const link: Link = { ...kernel, operands, scale: 1 };
    const { builder } = this;
    const last = this.#chain?.at === builder.steps.length - 1 && !step.writes ? this.#chain : undefined;
    const links = last && chained(last.links, link);
    const before = builder.steps.at(-1);
    const whole: NewStep<W> = {
      kernel: 'wasm',
      ...(links && before
        ? {
            op: `${before.op}, ${step.op}`,
            scope: commonScope(before.scope, step.scope),
            macs: before.macs + step.macs,
            touches: [...before.touches, ...operands],
            writes: false,
          }
        : { ...step, touches: operands }),
      ...this.work(this.#bind(links ?? [link])),
    };
    if (links) builder.extend(whole);
    else builder.emit(whole);
    this.#chain = step.writes ? undefined : { at: builder.steps.length - 1, links: links ?? [link] };
  }

  #bind(links: readonly Link[]): Bind {
    const { pool } = this;
    return (at) => {
      const calls = links.map(({ kernel, operands, scale }) => ({ kernel, scale, args: operands.map(at) }));
      const [{ kernel, total, inner, grain, scale, cost }] = links as [Link];
      if (links.length === 1) return () => pool.run(kernel, calls[0]!.args, total, inner, grain, cost);
      const most = Math.max(...links.map((link) => link.inner * link.scale));
      const all = links.reduce((sum, link) => sum + link.cost, 0);
      return () => pool.chain(calls, total / scale, most, all);
    };
  }
}

/** The chain with one more kernel, all over a common range; undefined if the kernel must wait for the whole chain. */
function chained(links: readonly Link[], next: Link): readonly Link[] | undefined {
  const total = links[0]!.total / links[0]!.scale;
  const common = Math.min(total, next.total);
  if (links.length === MAX_LINKS || common < MIN_TOTAL || Math.max(total, next.total) % common !== 0)
    return undefined;
  const all = [...links, next].map((link) => ({ ...link, scale: link.total / common }));
  if (all.some(({ grain }) => grain > 1)) return undefined;
  const own = all.pop()!;
  let shares = false;
  for (const other of all)
    for (const [k, region] of own.operands.entries())
      for (const [n, known] of other.operands.entries()) {
        if (region !== known) continue;
        const isWritten = k === own.operands.length - 1 || n === other.operands.length - 1;
        const span = own.spans[k]! * own.scale;
        const fits = span > 0 && span === other.spans[n]! * other.scale;
        if (isWritten && !fits) return undefined;
        shares ||= fits;
      }
  return shares ? [...all, own] : undefined;
}

/** Path of the innermost module that contains both scopes. */
function commonScope(a: string, b: string): string {
  const [left, right] = [a.split('.'), b.split('.')];
  const differs = left.findIndex((part, i) => part !== right[i]);
  return (differs < 0 ? left : left.slice(0, differs)).join('.');
}
