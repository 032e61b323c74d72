import type { Graph, GraphKey } from '../graph/graph.js';
import { sameNumbers } from '../graph/numbers.js';
import type { Feed } from '../graph/types.js';
import { withNumbersAsFeeds } from './plan/numbers/form.js';

/** Plans kept per device; the least recently used one is dropped first. Training needs two or three. */
const MAX_PLANS = 64;
/** Forms of graphs that are remembered: at least as many as plans, so that those of all plans are among them. */
const MAX_FAMILIES = 64;
/** Graphs of one form that get plans of their own before their numbers become inputs. */
const OWN_PLANS = 2;

/** A plan to run, and the graph if it is not compiled yet. */
export interface Found {
  readonly plan: number;
  readonly graph?: Graph;
  readonly feeds: readonly Feed[];
}

interface Known {
  readonly plan: number;
  runs: number;
}

/** The plan of one graph. */
interface Own {
  readonly numbers: readonly number[];
}

/** The plan of all graphs of a form. */
interface Shared {
  /** Which numbers it takes as inputs, in ascending order. The others are those of the first graph. */
  readonly varying: ReadonlySet<number>;
}

/** Graphs that differ only in their numbers. */
interface Family {
  /** Numbers of the first graph. */
  readonly first: readonly number[];
  own: readonly Own[];
  shared?: Shared;
}

/**
 * The plans of a device, by the keys of their graphs. A graph whose numbers never change has a plan in which they are
 * constants. If graphs come that differ only in their numbers, the third one gets a plan that takes the changing ones as
 * inputs, and all later ones use it.
 */
export class PlanCache {
  readonly #plans = new Map<Own | Shared, Known>();
  readonly #families = new Map<string, Family>();
  #nextPlan = 0;

  /** @param forget is called with each plan that is dropped */
  constructor(private readonly forget: (plan: number) => void) {}

  find({ form, numbers }: GraphKey, graph: Graph, feeds: readonly Feed[]): Found {
    const family = this.#familyOf(form, numbers);
    const own = ownOf(family, numbers);
    if (own) {
      const known = this.#use(own);
      return known ? { plan: known.plan, feeds } : { plan: this.#add(own), graph, feeds };
    }
    const shared = this.#covering(family, numbers);
    const varying = [...shared.varying];
    const all = [...feeds, ...varying.map((i) => Float64Array.of(numbers[i]!))];
    const known = this.#use(shared);
    if (known) return { plan: known.plan, feeds: all };
    return { plan: this.#add(shared), graph: withNumbersAsFeeds(graph, varying), feeds: all };
  }

  /** A family's plan for all its graphs, which takes all numbers as inputs that differ from the first graph's. */
  #covering(family: Family, numbers: readonly number[]): Shared {
    const { first, own, shared } = family;
    const covered = (i: number): boolean => shared?.varying.has(i) === true;
    const differs = (of: readonly number[], i: number): boolean => !Object.is(of[i], first[i]);
    if (shared && first.every((_, i) => !differs(numbers, i) || covered(i))) return shared;
    const all = [numbers, ...own.map((one) => one.numbers)];
    const varying = first.flatMap((_, i) => (covered(i) || all.some((one) => differs(one, i)) ? [i] : []));
    // The new plan computes what these do. Those that ran more than once may be needed again.
    const again = own.filter((one) => (this.#plans.get(one)?.runs ?? 0) > 1);
    for (const one of [...own, ...(shared ? [shared] : [])]) if (!again.includes(one as Own)) this.#drop(one);
    family.own = again;
    family.shared = { varying: new Set(varying) };
    return family.shared;
  }

  #use(key: Own | Shared): Known | undefined {
    const known = this.#plans.get(key);
    if (!known) return undefined;
    this.#plans.delete(key);
    this.#plans.set(key, known);
    known.runs++;
    return known;
  }

  #add(key: Own | Shared): number {
    const plan = this.#nextPlan++;
    this.#plans.set(key, { plan, runs: 1 });
    if (this.#plans.size > MAX_PLANS) this.#drop(oldestOf(this.#plans));
    return plan;
  }

  #drop(key: Own | Shared): void {
    const known = this.#plans.get(key);
    this.#plans.delete(key);
    if (known) this.forget(known.plan);
  }

  #familyOf(form: string, numbers: readonly number[]): Family {
    const family = this.#families.get(form) ?? { first: numbers, own: [] };
    this.#families.delete(form);
    this.#families.set(form, family);
    if (this.#families.size > MAX_FAMILIES) this.#families.delete(oldestOf(this.#families));
    return family;
  }
}

const oldestOf = <K>(map: ReadonlyMap<K, unknown>): K => map.keys().next().value!;

/** The plan of a graph that has its own, as the first ones of a family do. */
function ownOf(family: Family, numbers: readonly number[]): Own | undefined {
  const known = family.own.find((one) => sameNumbers(one.numbers, numbers));
  if (known || family.shared || family.own.length === OWN_PLANS) return known;
  const made = { numbers };
  family.own = [...family.own, made];
  return made;
}
