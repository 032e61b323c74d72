import type { PlanBuilder } from '../plan/builder.js';
import type { Region } from '../plan/region.js';
import type { Bind, NewStep } from '../plan/step.js';
import type { Call } from './jobs.js';
import { type KernelPool, PIECE, type Work } from './pool.js';

/**
 * The elements of an operand that belong to a kernel's range: indices i·indices to (i + 1)·indices read or write only the
 * elements i·elements to (i + 1)·elements. 0 elements: others too.
 */
export interface Span {
  readonly elements: number;
  readonly indices: number;
}

/** The same number of elements for each index. */
export const perIndex = (elements: number): Span => ({ elements, indices: 1 });

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
  /** One span for each operand. */
  readonly spans: readonly Span[];
  /** Index of the operand that it writes: the last one by default. */
  readonly writes?: number;
  /** How much of the range a thread takes at a time if the kernel is a step of its own. */
  readonly piece?: number;
  /** The least part of the range for which it is efficient. */
  readonly least?: number;
  /** The kernel's arguments, given the addresses of the operands and of further memory: these by default. */
  readonly args?: (addresses: readonly number[]) => readonly number[];
}

/** A kernel of a chain. One index of the chain's range covers `scale` indices of the kernel's range. */
interface Link extends VectorKernel {
  readonly operands: readonly Region[];
  readonly scale: number;
}

/** More kernels in a chain save little, and all values between them are in memory at the same time. */
const MAX_LINKS = 12;
/** A chain has at least this many pieces for each thread, else it cannot be divided well between them. */
const MIN_PIECES = 4;
/** Values in between are all in memory at the same time: a chain with products or norms has at most this many bytes. */
const MAX_BYTES = 2 ** 25;

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
    return at === this.builder.steps.length - 1 && links.some((link) => written(link) === region);
  }

  /**
   * Adds a kernel: to the last step if both can run as a chain, otherwise as a new step.
   * @param operands memory of the operands, and further memory of the kernel
   */
  emit(
    step: { op: string; scope: string; macs: number; writes: boolean },
    kernel: VectorKernel,
    operands: readonly Region[],
  ): void {
    const link: Link = { ...kernel, operands, scale: 1 };
    const { builder } = this;
    const last = this.#chain?.at === builder.steps.length - 1 && !step.writes ? this.#chain : undefined;
    const links = last && chained(last.links, link, this.pool);
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
    const work = links.length === 1 ? alone(links[0]!) : together(links, this.pool.threads);
    return (at) => this.pool.prepare(callsOf(links, at), work);
  }
}

const callsOf = (links: readonly Link[], at: (region: Region) => number): Call[] =>
  links.map(({ kernel, operands, scale, args = (all) => all }) => ({
    kernel,
    scale,
    args: args(operands.map(at)),
  }));

const written = ({ operands, spans, writes = spans.length - 1 }: Link): Region => operands[writes]!;

/** How a kernel that is a step of its own is divided. */
function alone({ total, inner, grain, cost, piece }: Link): Work {
  // Pieces are whole vectors, so that elements of one cache line belong to one thread.
  const whole = piece ?? grain * Math.ceil(PIECE / inner / grain);
  return { total, piece: whole, elements: total * inner * cost };
}

/** How a chain is divided. */
function together(links: readonly Link[], threads: number): Work {
  const total = links[0]!.total / links[0]!.scale;
  const most = Math.max(...links.map(({ inner, scale }) => inner * scale));
  const least = Math.max(...links.map((link) => Math.ceil((link.least ?? 1) / link.scale)));
  const piece = Math.max(Math.ceil(PIECE / most), least);
  const elements = links.reduce((sum, { inner, scale, cost }) => sum + inner * scale * cost, 0) * total;
  // As many pieces for each thread.
  const turns = Math.max(1, Math.floor(total / piece / threads));
  return { total, piece: Math.max(least, Math.ceil(total / (turns * threads))), elements };
}

/** The elements of an operand for each index of a chain's range; 0 if there is no such number. */
const spanOf = ({ spans, scale }: Link, operand: number): number => {
  const { elements, indices } = spans[operand] ?? perIndex(0);
  return scale % indices === 0 ? (elements * scale) / indices : 0;
};

/** The chain with one more kernel, all over a common range; undefined if the kernel must wait for the whole chain. */
function chained(links: readonly Link[], next: Link, pool: KernelPool): readonly Link[] | undefined {
  const common = greatestDivisor(links[0]!.total / links[0]!.scale, next.total);
  const least = Math.max(8, MIN_PIECES * pool.threads);
  if (links.length === MAX_LINKS || common < least) return undefined;
  const all = [...links, next].map((link) => ({ ...link, scale: link.total / common }));
  if (all.some(({ grain }) => grain > 1) || !pool.fits(callsOf(all, () => 0))) return undefined;
  if (all.some((link) => Math.ceil((link.least ?? 1) / link.scale) * least > common)) return undefined;
  // On one thread a chain of products saves nothing.
  if (all.some(({ args }) => args) && (pool.threads === 1 || bytesOf(all) > MAX_BYTES)) return undefined;
  const own = all.pop()!;
  let shares = false;
  for (const other of all)
    for (const [k, region] of own.operands.entries())
      for (const [n, known] of other.operands.entries()) {
        if (region !== known) continue;
        const span = spanOf(own, k);
        const fits = span > 0 && span === spanOf(other, n);
        if ((region === written(own) || known === written(other)) && !fits) return undefined;
        shares ||= fits;
      }
  return shares ? [...all, own] : undefined;
}

/** Bytes of the values in between. */
function bytesOf(links: readonly Link[]): number {
  const regions = new Set(links.flatMap(({ operands }) => operands));
  return [...regions].reduce((sum, { slot, packs, bytes }) => {
    return slot === undefined && packs === undefined ? sum + bytes : sum;
  }, 0);
}

const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b));

/** Path of the innermost module that contains both scopes. */
function commonScope(a: string, b: string): string {
  const [left, right] = [a.split('.'), b.split('.')];
  const differs = left.findIndex((part, i) => part !== right[i]);
  return (differs < 0 ? left : left.slice(0, differs)).join('.');
}
