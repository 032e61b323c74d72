import type { Device } from '../backend/backend.js';
import { checkOptionNames, shown } from '../errors/arguments.js';
import { DeviceError, UsageError } from '../errors/errors.js';
import { type Node, scalarLeaf } from '../graph/node.js';
import { type DType, makeArray, showShape } from '../graph/types.js';
import * as ops from '../ops/index.js';
import { Parameter, queueUpdate } from '../tensor/parameter.js';
import { type Change, takePending } from '../tensor/pending.js';
import type { SavedTensor } from '../tensor/saved.js';
import type { Tensor } from '../tensor/tensor.js';
import type { WeightAverage } from './average.js';
import {
  COMMON,
  type CommonOptions,
  checkComplete,
  type Memory,
  optionNames,
  type Rule,
} from './optimizers/rule.js';
import { listOfParameters } from './parameters.js';
import {
  checkSavedState,
  inSpellingOfSlots,
  loadState,
  type OptimizerState,
  type SavedState,
  type Slot,
} from './state.js';

/** Parameters, with or without names: `model.parameters()` or `model.namedParameters()`. */
export type Parameters = Iterable<Member>;
type Member = Parameter | readonly [string, Parameter];

/** Parameters with their own options; options left out are those of the optimizer. */
export type ParameterGroup<O = CommonOptions> = Partial<O> & { params: Parameters | Parameter };

/** The options of a group. Every number may be changed between steps. */
export type Group<O = CommonOptions> = O & { readonly parameters: readonly Parameter[] };

/** The numbers of a step for all parameters with the same history. */
interface Numbers {
  readonly memory: Memory;
  readonly leaves: (dtype: DType) => Readonly<Record<string, Node>>;
}

/**
 * The base class of all optimizers: parameter groups, state, and how a step reaches the device. Each optimizer adds its
 * own {@link Rule}.
 *
 * A step is one run on the device: forward, backward, update, and the loss. Numbers that change from step to step, such
 * as the learning rate and bias corrections, are passed with each run, so that later steps do not compile again.
 */
export abstract class Optimizer<O extends CommonOptions = CommonOptions> {
  /** Parameters with their options; schedules change `lr` here. */
  readonly paramGroups: readonly Group<O>[];
  readonly #groups: Group<O>[] = [];
  readonly #rule: Rule<O, string, string>;
  readonly #options: Partial<O>;
  readonly #slots = new Map<Parameter, Slot>();
  /** Gradients used by earlier steps: their graphs depend on weights that have been overwritten. */
  readonly #consumed = new WeakSet<Node>();
  #steps = 0;
  /** Moving average of the weights, which each step updates. */
  average: WeightAverage | undefined;
  /** State before the last step, for `undo()`. */
  #before: { readonly slot: Slot; readonly memory: Memory | undefined }[] = [];

  constructor(
    rule: Rule<O, string, string>,
    params: Parameters | Iterable<ParameterGroup<O>>,
    options: Partial<O>,
  ) {
    this.#rule = rule;
    const list = listOfParameters(rule.name, params);
    checkOptionNames(rule.name, options, optionNames(rule));
    this.#options = { ...options };
    this.paramGroups = this.#groups;
    const groups = list.length > 0 && list.every(isGroup) ? list : [{ params: list as Member[] }];
    for (const group of groups as unknown as ParameterGroup<O>[]) this.#add(group);
    if (this.#slots.size === 0)
      throw new UsageError({
        what: `${rule.name} got no parameters`,
        expected: 'model.parameters(), or groups of parameters',
        got: 'an empty list',
        next: 'keep the layers of a model in its properties; #private fields cannot be found',
      });
  }

  /**
   * Adds parameters that should be optimised from now on, such as layers that have been unfrozen. A schedule treats the
   * group's rate at that time as its own, and changes it from there on.
   *
   * @throws UsageError if an option is not valid, or a parameter is frozen or in a group already; nothing is added then
   */
  addParamGroup(group: ParameterGroup<O>): void {
    if (!isGroup(group))
      throw new UsageError({
        what: `addParamGroup of ${this.#rule.name} takes a group`,
        expected: '{ params: layer.parameters(), lr: 0.01 }',
        got: shown(group),
      });
    this.#add(group);
  }

  #add(group: ParameterGroup<O>): void {
    const { params, ...own } = group;
    const { name, defaults } = this.#rule;
    checkOptionNames(`A parameter group of ${name}`, own, optionNames(this.#rule));
    const options = { ...COMMON, ...defaults, ...this.#options, ...own } as unknown as O;
    checkComplete(this.#rule, options);
    const members = listOfParameters(name, params instanceof Parameter ? [params] : params);
    const slots = new Map<Parameter, Slot>();
    for (const member of members) {
      const slot = this.#slotFor(member, slots);
      slots.set(slot.parameter, slot);
    }
    for (const [parameter, slot] of slots) this.#slots.set(parameter, slot);
    this.#groups.push({ ...options, parameters: [...slots.keys()] });
    // Allocated now, so that the first step has the same graph as later steps.
    const tensors = this.#slotsOf(options);
    for (const slot of slots.values()) if (slot.parameter.storage) this.#allocate(slot, tensors);
  }

  #slotFor(member: unknown, others: ReadonlyMap<Parameter, Slot>): Slot {
    const { name: optimizer } = this.#rule;
    const [name, parameter] = Array.isArray(member)
      ? ([member[0], member[1]] as readonly [string, unknown])
      : [String(this.#slots.size + others.size), member];
    if (!(parameter instanceof Parameter) || !parameter.requiresGrad)
      throw new UsageError({
        what: `${optimizer} got something that cannot be optimised`,
        expected: 'trainable parameters',
        got: parameter instanceof Parameter ? 'a frozen parameter, or a buffer' : shown(parameter),
      });
    const known = this.#slots.get(parameter) ?? others.get(parameter);
    if (known)
      throw new UsageError({
        what: `${optimizer} got a parameter twice`,
        expected: 'each parameter in one group',
        got: `${name}, which is the same parameter as ${known.name}`,
      });
    const same = [...this.#slots.values(), ...others.values()].find((slot) => slot.name === name);
    if (same)
      throw new UsageError({
        what: `${optimizer} got two parameters of one name`,
        expected: 'a name for each, as in model.namedParameters(prefix)',
        got: `${name} twice`,
      });
    return { name, parameter, tensors: new Map(), memory: undefined };
  }

  /** Number of steps so far. */
  get steps(): number {
    return this.#steps;
  }

  /** Sets all gradients to null. Call it before each `backward()`. */
  zeroGrad(): void {
    for (const parameter of this.#slots.keys()) parameter.grad = null;
  }

  /**
   * Queues a run that updates every parameter that has a gradient, without waiting for it. The losses from which the
   * gradients came are computed in the same run, so reading them later costs nothing.
   *
   * A run that fails on the device changes nothing, and its step does not count, unless another one has been queued
   * before it failed. Its error is thrown by the values of `compute`, or else by the next values that are read from the
   * parameters or computed with them.
   *
   * @param compute further tensors to compute before the update, such as predictions
   * @param guard a scalar: if it is NaN or infinite, the run changes nothing; then call `undo()`
   * @throws DeviceError if a parameter is on the host; UsageError if no parameter has a gradient, or an option that was
   *   changed is not valid
   */
  step(options: { compute?: readonly Tensor[]; guard?: Tensor } = {}): void {
    checkOptionNames('step', options, ['compute', 'guard']);
    const { compute = [], guard } = options;
    const changes: Change[] = [];
    const outputs = new Set<Tensor>();
    const grads: Node[] = [];
    const devices = new Set<Device>();
    const stepped: { slot: Slot; memory: Memory }[] = [];
    for (const group of this.#groups) {
      // A schedule, or a program, may have set a value that is not valid.
      checkComplete(this.#rule, group);
      const numbers = this.#numbersOf(group);
      const slots = this.#slotsOf(group);
      for (const parameter of group.parameters) {
        if (!parameter.grad) continue;
        const slot = this.#slots.get(parameter)!;
        this.#checkFresh(slot);
        for (const loss of parameter.grad.origins) outputs.add(loss);
        grads.push(parameter.grad.node);
        devices.add(this.#deviceOf(slot));
        const now = numbers(slot.memory);
        this.#allocate(slot, slots);
        this.#change(slot, group, now, changes);
        stepped.push({ slot, memory: now.memory });
      }
    }
    if (changes.length === 0)
      throw new UsageError({
        what: 'step() found no gradients',
        expected: 'loss.backward() before optimizer.step()',
        got: 'parameters without gradients',
      });
    for (const device of devices) changes.push(...takePending(device));
    if (this.average) changes.push(...this.average.changes(changes));
    const before = stepped.map(({ slot }) => ({ slot, memory: slot.memory }));
    queueUpdate(changes, [...outputs, ...compute], guard, () => {
      if (this.#before === before) this.undo();
    });
    for (const node of grads) this.#consumed.add(node);
    this.#before = before;
    for (const { slot, memory } of stepped) slot.memory = memory;
    this.#steps++;
  }

  /** The numbers of a group's step. Parameters with the same history share the numbers and the feeds for them. */
  #numbersOf(group: Group<O>): (before: Memory | undefined) => Numbers {
    const made = new Map<Memory | undefined, Numbers>();
    return (before) => {
      let found = made.get(before);
      if (found) return found;
      const { numbers, memory } = this.#rule.numbers(group, group.lr * group.lrScale, before);
      const byType = new Map<DType, Readonly<Record<string, Node>>>();
      const leaves = (dtype: DType) => {
        const known = byType.get(dtype);
        if (known) return known;
        const fresh = Object.fromEntries(
          Object.entries(numbers).map(([name, value]) => [name, scalarLeaf(value, dtype)]),
        );
        byType.set(dtype, fresh);
        return fresh;
      };
      made.set(before, (found = { memory, leaves }));
      return found;
    };
  }

  /** Adds the changes of a parameter and its state tensors. */
  #change(slot: Slot, group: Group<O>, { leaves }: Numbers, changes: Change[]): void {
    const { parameter, tensors } = slot;
    const state: Record<string, Node> = {};
    for (const [name, tensor] of tensors) state[name] = tensor.node;
    const grad = parameter.grad!.node;
    const result = this.#rule.update({
      parameter: parameter.node,
      gradient: group.maximize ? ops.neg(grad) : grad,
      state,
      n: leaves(parameter.dtype),
      options: group,
      first: slot.memory === undefined,
    });
    for (const [name, value] of Object.entries(result.state ?? {}))
      changes.push({ parameter: tensors.get(name)!, value: value! });
    changes.push({ parameter, value: result.parameter });
  }

  /** Reverts the optimizer's bookkeeping of the last step, if its guard kept the step from changing anything. */
  undo(): void {
    for (const { slot, memory } of this.#before) slot.memory = memory;
    this.#before = [];
    this.average?.undo();
    this.#steps--;
  }

  #deviceOf(slot: Slot): Device {
    if (slot.parameter.storage) return slot.parameter.storage.device;
    throw new DeviceError({
      what: `The parameter ${label(slot)} is not on a device`,
      expected: 'parameters that the device can update in place',
      got: 'values on the host',
      next: 'await model.to(device) before training',
    });
  }

  /** A gradient that was used before, alone or in a sum, means that zeroGrad() was not called. */
  #checkFresh(slot: Slot): void {
    const { node } = slot.parameter.grad!;
    const used = (of: Node): boolean => this.#consumed.has(of);
    const old = used(node) ? node : node.op === 'add' ? node.inputs.find(used) : undefined;
    if (!old || old.value) return;
    throw new UsageError({
      what: `The gradient of ${label(slot)} is still that of the last step`,
      expected: 'optimizer.zeroGrad() and loss.backward() before each step',
      got: node === old ? 'the gradient of the last step' : 'its sum with the gradient of the last step',
      next: 'call optimizer.zeroGrad() before backward()',
    });
  }

  /** The names of a parameter's state tensors with the values that fill them at first. */
  #slotsOf(options: O): readonly [string, number][] {
    return Object.entries(this.#rule.slots(options)) as [string, number][];
  }

  /** Makes a parameter's state tensors, on its device, unless it has them. */
  #allocate(slot: Slot, slots: readonly [string, number][]): void {
    const { parameter, tensors } = slot;
    const device = this.#deviceOf(slot);
    for (const [name, value] of slots) {
      let tensor = tensors.get(name);
      if (!tensor) {
        const initial = makeArray(parameter.dtype, parameter.size).fill(value);
        tensor = new Parameter(initial, parameter.shape, { trainable: false });
        tensors.set(name, tensor);
      }
      // The tensor is on the host, so place() is complete when the call returns.
      if (!tensor.storage) void tensor.place(device);
      if (tensor.storage?.device !== device)
        throw new DeviceError({
          what: `The parameter ${label(slot)} is on another device than its ${name}`,
          expected: tensor.storage?.device.name ?? 'one device for both',
          got: device.name,
          next: 'move the model first, then create its optimizer',
        });
    }
  }

  /**
   * The state that later steps depend on: tensors, named by kind and parameter (`momentum.0.weight`), and JSON data.
   */
  stateDict(): { tensors: Map<string, Parameter>; state: OptimizerState<O> } {
    const started = [...this.#slots.values()].filter((slot) => slot.memory !== undefined);
    const tensors = started.flatMap(({ name, tensors: own }) =>
      [...own].map(([kind, tensor]) => [`${kind}.${name}`, tensor] as const),
    );
    const remembered = started.filter(({ memory }) => Object.keys(memory!).length > 0);
    return {
      tensors: new Map(tensors),
      state: {
        name: this.#rule.name,
        steps: this.#steps,
        groups: this.#groups.map(({ parameters: _, ...options }) => options as unknown as O),
        ...(remembered.length > 0
          ? { parameters: Object.fromEntries(remembered.map(({ name, memory }) => [name, { ...memory }])) }
          : {}),
      },
    };
  }

  /**
   * Restores a state from `stateDict()`. Nothing changes unless everything fits.
   *
   * @throws CheckpointError if the state belongs to another optimizer or to other parameters, ShapeError if a tensor has
   *   another shape
   */
  loadStateDict(saved: {
    readonly tensors: ReadonlyMap<string, SavedTensor>;
    readonly state: SavedState;
  }): void {
    const { name, defaults } = this.#rule;
    checkSavedState(name, saved);
    const groups = (saved.state.groups ?? []).map(
      (group) => ({ ...COMMON, ...defaults, ...group }) as unknown as O,
    );
    const slots = [...this.#slots.values()];
    const load = loadState(this.#rule, this.#groups, slots, inSpellingOfSlots(slots, saved), groups);
    for (const group of groups) {
      checkOptionNames(`The saved state of ${name}`, group, optionNames(this.#rule));
      checkComplete(this.#rule, group);
    }
    for (const slot of this.#slots.values()) if (load.fills(slot)) this.#deviceOf(slot);
    for (const [i, group] of this.#groups.entries()) Object.assign(group, groups[i]);
    for (const group of this.#groups)
      for (const parameter of group.parameters) {
        const slot = this.#slots.get(parameter)!;
        if (load.fills(slot)) this.#allocate(slot, this.#slotsOf(group));
        load.apply(slot, this.#rule.slots(group));
      }
    this.#steps = saved.state.steps;
    // A step that fails now does not belong to this state.
    this.#before = [];
  }
}

const isGroup = (item: unknown): item is { readonly params: never } =>
  typeof item === 'object' && item !== null && 'params' in item;

const label = ({ name, parameter }: Slot): string => `${name} ${showShape(parameter.shape)}`;
