import type { Graph } from '../graph/graph.js';
import type { Feed } from '../graph/types.js';
import { formOf, type GraphForm, withNumbersAsFeeds } from './plan/numbers/form.js';

/** Plans kept per device; the least recently used one is dropped first. Training needs two or three. */
const MAX_PLANS = 64;
/** Forms of graphs that are remembered, likewise. */
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

/** Graphs that differ only in their numbers. */
interface Family {
  /** Part of the key of the plan that computes all of them. */
  readonly id: number;
  /** Numbers of the first graph. */
  readonly first: readonly number[];
  /** Numbers and keys of the graphs that have plans of their own; empty as soon as there is a plan for all. */
  own: readonly { readonly values: readonly number[]; readonly key: string }[];
  /** Which numbers that plan takes as inputs, in ascending order. The others are those of the first graph. */
  varying: readonly number[];
}

/**
 * The plans of a device, by the keys of their graphs. A graph whose numbers never change has a plan in which they are
 * constants. If graphs come that differ only in their numbers, the third one gets a plan that takes the changing ones as
 * inputs, and all later ones use it.
 */
export class PlanCache {
  readonly #plans = new Map<string, Known>();
  readonly #families = new Map<string, Family>();
  #nextPlan = 0;
  #nextFamily = 0;

  /** @param forget is called with each plan that is dropped */
  constructor(private readonly forget: (plan: number) => void) {}

  find(key: string, graph: Graph, feeds: readonly Feed[]): Found {
    const known = this.#use(key);
    if (known) return { plan: known.plan, feeds };
    const form = formOf(graph);
    const family = form.values.length > 0 ? this.#familyOf(form) : undefined;
    if (!family || hasOwnPlan(family, form, key)) return { plan: this.#add(key), graph, feeds };
    const { varying, key: shared } = this.#covering(family, form.values);
    const all = [...feeds, ...varying.map((i) => Float64Array.of(form.values[i]!))];
    const made = this.#use(shared);
    if (made) return { plan: made.plan, feeds: all };
    const places = varying.map((i) => form.places[i]!);
    return { plan: this.#add(shared), graph: withNumbersAsFeeds(graph, places), feeds: all };
  }

  /** The inputs and the key of a family's plan, which takes all numbers as inputs that differ from the first graph's. */
  #covering(family: Family, values: readonly number[]): { varying: readonly number[]; key: string } {
    const { id, first, own, varying } = family;
    const keyOf = (inputs: readonly number[]): string => `${id} ${inputs.join()}`;
    const differs = (other: readonly number[], i: number): boolean => !Object.is(other[i], first[i]);
    const all = [values, ...own.map((other) => other.values)];
    const found = first.flatMap((_, i) =>
      varying.includes(i) || all.some((one) => differs(one, i)) ? [i] : [],
    );
    if (found.length === varying.length) return { varying, key: keyOf(varying) };
    // The new plan computes what these do. Those that ran more than once may be needed again.
    for (const { key } of own) if (this.#plans.get(key)?.runs === 1) this.#drop(key);
    this.#drop(keyOf(varying));
    family.own = [];
    family.varying = found;
    return { varying: found, key: keyOf(found) };
  }

  #use(key: string): Known | undefined {
    const known = this.#plans.get(key);
    if (!known) return undefined;
    this.#plans.delete(key);
    this.#plans.set(key, known);
    known.runs++;
    return known;
  }

  #add(key: string): number {
    const plan = this.#nextPlan++;
    this.#plans.set(key, { plan, runs: 1 });
    if (this.#plans.size > MAX_PLANS) this.#drop(oldestOf(this.#plans));
    return plan;
  }

  #drop(key: string): void {
    const known = this.#plans.get(key);
    this.#plans.delete(key);
    if (known) this.forget(known.plan);
  }

  #familyOf({ key, values }: GraphForm): Family {
    const family = this.#families.get(key) ?? { id: this.#nextFamily++, first: values, own: [], varying: [] };
    this.#families.delete(key);
    this.#families.set(key, family);
    if (this.#families.size > MAX_FAMILIES) this.#families.delete(oldestOf(this.#families));
    return family;
  }
}

const oldestOf = (map: ReadonlyMap<string, unknown>): string => map.keys().next().value!;

/** Whether a graph has a plan of its own, as the first ones of a family have; notes it then. */
function hasOwnPlan(family: Family, { values }: GraphForm, key: string): boolean {
  const { own, varying } = family;
  if (varying.length > 0) return false;
  if (own.some((other) => other.key === key)) return true;
  if (own.length === OWN_PLANS) return false;
  family.own = [...own, { values, key }];
  return true;
}
