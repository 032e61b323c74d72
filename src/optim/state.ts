import { isInteger } from '../errors/arguments.js';
import { CheckpointError, ShapeError } from '../errors/errors.js';
import { excerpt } from '../errors/excerpt.js';
import { isRecord } from '../errors/is-record.js';
import { makeArray, sameShape, showShape } from '../graph/types.js';
import { spellings } from '../tensor/names.js';
import type { Parameter } from '../tensor/parameter.js';
import { checkPlace, checkSaved, loadSaved, type SavedTensor } from '../tensor/saved.js';
import type { CommonOptions, Memory, Rule } from './optimizers/rule.js';

/** An optimizer's state for one parameter. */
export interface Slot {
  readonly name: string;
  readonly parameter: Parameter;
  /** State tensors by kind, such as `momentum`. */
  readonly tensors: Map<string, Parameter>;
  /** Undefined until the first step; parameters with the same history share one object. */
  memory: Memory | undefined;
}

/** The part of an optimizer's state that is JSON data. */
export interface OptimizerState<O = CommonOptions> {
  /** Class name. */
  readonly name: string;
  readonly steps: number;
  /** The options of each group. */
  readonly groups: readonly O[];
  /** The `Memory` of each parameter, by parameter name. */
  readonly parameters?: Readonly<Record<string, Memory>>;
}

/** A state as read from a file: groups may lack options that an older version did not have. */
export interface SavedState {
  readonly name?: string;
  readonly steps: number;
  readonly groups: readonly object[];
  readonly parameters?: Readonly<Record<string, Memory>>;
}

/** @throws CheckpointError unless it has the form of a saved state */
export function checkSavedState(optimizer: string, saved: unknown): void {
  const { tensors, state } = (saved ?? {}) as { tensors?: unknown; state?: Partial<SavedState> | null };
  const { groups = [], steps } = state ?? {};
  if (tensors instanceof Map && isInteger(steps) && Array.isArray(groups) && groups.every(isRecord)) return;
  throw new CheckpointError({
    what: `The saved state does not fit ${optimizer}`,
    expected: 'what stateDict() returned: { tensors, state } with a Map of tensors and steps',
    got: excerpt(saved),
  });
}

interface Saved {
  readonly tensors: ReadonlyMap<string, SavedTensor>;
  readonly state: SavedState;
}

/** A saved state under the names of an optimizer's parameters, which may be spelled otherwise in files. */
export function inSpellingOfSlots(slots: readonly Slot[], { tensors, state }: Saved): Saved {
  const own = slots.map(({ name }) => name);
  const { parameters } = state;
  const nameIn = (key: string): string => key.slice(key.indexOf('.') + 1);
  const changed = spellings(own, [...[...tensors.keys()].map(nameIn), ...Object.keys(parameters ?? {})]);
  if (changed.size === 0) return { tensors, state };
  const renamed = (name: string): string => changed.get(name) ?? name;
  return {
    tensors: new Map(
      [...tensors].map(([key, tensor]) => [
        key.slice(0, key.indexOf('.') + 1) + renamed(nameIn(key)),
        tensor,
      ]),
    ),
    state: parameters
      ? {
          ...state,
          parameters: Object.fromEntries(
            Object.entries(parameters).map(([name, memory]) => [renamed(name), memory]),
          ),
        }
      : state,
  };
}

/** Writes a checked state into one slot after another. */
interface Load {
  /** Whether the state has tensors for this parameter. */
  fills(slot: Slot): boolean;
  apply(slot: Slot, initial: Readonly<Partial<Record<string, number>>>): void;
}

/**
 * Checks that a saved state belongs to an optimizer, without changing anything.
 *
 * @param groups the saved groups' options
 * @throws CheckpointError or ShapeError
 */
export function loadState<O extends CommonOptions>(
  rule: Rule<O, string, string>,
  own: readonly { readonly parameters: readonly Parameter[] }[],
  slots: readonly Slot[],
  saved: Saved,
  groups: readonly O[],
): Load {
  const { tensors, state } = saved;
  // Before version 0.2 there was SGD only, and states had no name.
  const { name = 'SGD' } = state;
  if (name !== rule.name)
    throw new CheckpointError({
      what: `The saved state belongs to another optimizer than this ${rule.name}`,
      expected: `the state of ${rule.name}`,
      got: `the state of ${name}`,
      next: 'create the optimizer that saved it',
    });
  if (groups.length !== own.length)
    throw new CheckpointError({
      what: 'The optimizer’s saved state has other parameter groups',
      expected: `${own.length} groups`,
      got: `${groups.length}`,
      next: 'create the optimizer with the options of the run that saved it',
    });
  const kinds = new Map<Parameter, string[]>();
  for (const [i, { parameters }] of own.entries())
    for (const parameter of parameters) kinds.set(parameter, Object.keys(rule.slots(groups[i]!)));
  const places = new Map(
    slots.flatMap((slot) =>
      kinds.get(slot.parameter)!.map((kind) => [`${kind}.${slot.name}`, slot] as const),
    ),
  );
  for (const [key, tensor] of tensors) checkTensor(key, tensor, places);
  const remembered = state.parameters ?? {};
  const stray = Object.keys(remembered).find((key) => !slots.some((slot) => slot.name === key));
  if (stray !== undefined) throw strayError(stray, slots[0]?.name);

  const memories = new Map<string, Memory>();
  const found = new Map<Slot, Memory>();
  for (const [i, { parameters }] of own.entries())
    for (const slot of slots.filter(({ parameter }) => parameters.includes(parameter))) {
      const present = kinds.get(slot.parameter)!.map((kind) => tensors.has(`${kind}.${slot.name}`));
      const memory = remembered[slot.name];
      if (!memory && !present.includes(true)) continue;
      const missing = kinds.get(slot.parameter)!.find((_, n) => !present[n]);
      if (missing !== undefined) throw incomplete(`${missing}.${slot.name}`, 'a tensor', 'nothing');
      const checked = Object.fromEntries(
        rule.remembers(groups[i]!).map((key) => {
          const value = memory?.[key];
          if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
            throw incomplete(`${key} of ${slot.name}`, 'a number of at least 0', String(value));
          return [key, value];
        }),
      );
      // Equal histories become one object, so that they share feeds in the graph.
      const key = JSON.stringify(checked);
      if (!memories.has(key)) memories.set(key, checked);
      found.set(slot, memories.get(key)!);
    }
  return {
    fills: (slot) => kinds.get(slot.parameter)!.some((kind) => tensors.has(`${kind}.${slot.name}`)),
    apply: (slot, initial) => {
      for (const [kind, tensor] of slot.tensors) {
        const values = tensors.get(`${kind}.${slot.name}`);
        if (values) loadSaved(tensor, values);
        else tensor.load(makeArray(tensor.dtype, tensor.size).fill(initial[kind] ?? 0));
      }
      slot.memory = found.get(slot);
    },
  };
}

function checkTensor(key: string, tensor: SavedTensor, places: ReadonlyMap<string, Slot>): void {
  checkSaved(key, tensor);
  const slot = places.get(key);
  if (!slot) throw strayError(key, [...places.keys()][0]);
  const { parameter } = slot;
  if (!sameShape(tensor.shape, parameter.shape))
    throw new ShapeError({
      what: `${key} of the optimizer’s saved state does not fit its parameter`,
      expected: showShape(parameter.shape),
      got: showShape(tensor.shape),
    });
  checkPlace(key, parameter, tensor);
}

const strayError = (key: string, usual: string | undefined): CheckpointError =>
  new CheckpointError({
    what: `The optimizer’s saved state has ${key}, which belongs to no parameter`,
    expected: usual === undefined ? 'no tensors' : `names such as ${usual}`,
    got: key,
    next: 'create the optimizer from the same model, and with or without names as before',
  });

const incomplete = (what: string, expected: string, got: string): CheckpointError =>
  new CheckpointError({
    what: `The optimizer’s saved state is not complete: ${what}`,
    expected,
    got,
    next: 'resume from a checkpoint of a run with this optimizer and these options',
  });
