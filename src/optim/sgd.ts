import type { Device } from '../backend/backend.js';
import { checkOptionNames, shown } from '../errors/arguments.js';
import { CheckpointError, DeviceError, ShapeError, UsageError } from '../errors/errors.js';
import type { Node } from '../graph/node.js';
import { makeArray, sameShape, showShape } from '../graph/types.js';
import * as ops from '../ops/index.js';
import { type Change, takePending } from '../tensor/pending.js';
import { checkPlace, checkSaved, loadSaved, type SavedTensor } from '../tensor/saved.js';
import { Parameter, type Tensor, update } from '../tensor/tensor.js';
import type { WeightAverage } from './average.js';
import { listOfParameters } from './parameters.js';
import { Factors } from './sgd-factors.js';
import {
  checkOptions,
  DEFAULTS,
  type Group,
  isGroup,
  type Member,
  type ParameterGroup,
  type Parameters,
  SGD_OPTIONS,
  type SGDOptions,
  type SGDState,
} from './sgd-options.js';

interface Slot {
  readonly name: string;
  readonly momentum: Parameter;
  /** Whether the momentum contains a gradient yet; until then it is zero. */
  started: boolean;
  /** The rate of the last step: the velocity is the momentum times this rate. */
  lr: number;
}

/**
 * Stochastic gradient descent with PyTorch's rule: g ← g + weightDecay · p; b ← momentum · b + (1 − dampening) · g
 * (b ← g in the first step); p ← p − lr · b, or p ← p − lr · (g + momentum · b) with Nesterov. The momentum does not
 * include the rate, unlike in Krizhevsky et al. 2012 (section 5); the rules differ when the rate changes, and
 * `rateInVelocity` selects the latter. It uses the same buffer b = −v / (last rate), with the factor
 * momentum · (last rate) / lr instead of momentum.
 *
 * A step is one run on the device: forward, backward, update, and the loss.
 *
 * @throws UsageError if an option is not valid
 * @example
 * const optimizer = new SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
 * optimizer.zeroGrad();
 * loss.backward();
 * optimizer.step();
 * console.log(await loss.item());
 */
export class SGD {
  /** Parameters with their options; schedules change `lr` here. */
  readonly paramGroups: readonly Group[];
  readonly #names = new Map<Parameter, string>();
  readonly #slots = new Map<Parameter, Slot>();
  /** Gradients used by earlier steps: their graphs depend on weights that have been overwritten. */
  readonly #consumed = new WeakSet<Node>();
  #steps = 0;
  /** Moving average of the weights, which each step updates. */
  average: WeightAverage | undefined;
  /** State before the last step, for `undo()`. */
  #before: { readonly slot: Slot; readonly started: boolean; readonly lr: number }[] = [];

  constructor(params: Parameters | Iterable<ParameterGroup>, options: SGDOptions) {
    const list = listOfParameters('SGD', params) as readonly (ParameterGroup | Member)[];
    checkOptionNames('SGD', options, SGD_OPTIONS);
    const groups = list.every(isGroup) ? list : [{ params: list as readonly Member[] }];
    this.paramGroups = groups.map(({ params: members, ...own }) => {
      checkOptionNames('A parameter group of SGD', own, SGD_OPTIONS);
      const group = { ...DEFAULTS, ...options, ...own };
      checkOptions(group);
      return {
        ...group,
        parameters: (listOfParameters('SGD', members) as Member[]).map((member) => this.#register(member)),
      };
    });
    if (this.#names.size === 0)
      throw new UsageError({
        what: 'SGD got no parameters',
        expected: 'model.parameters(), or groups of parameters',
        got: 'an empty list',
        next: 'keep the layers of a model in its properties; #private fields cannot be found',
      });
    // Allocated now, so that the first step has the same graph as later steps.
    for (const { momentum, parameters } of this.paramGroups)
      if (momentum !== 0)
        for (const parameter of parameters)
          if (parameter.storage) this.#slot(parameter, parameter.storage.device);
  }

  #register(member: Member): Parameter {
    const [name, parameter] = Array.isArray(member)
      ? (member as readonly [string, Parameter])
      : [String(this.#names.size), member as Parameter];
    if (!(parameter instanceof Parameter) || !parameter.requiresGrad)
      throw new UsageError({
        what: 'SGD got something that cannot be optimised',
        expected: 'trainable parameters',
        got: parameter instanceof Parameter ? 'a frozen parameter, or a buffer' : shown(parameter),
      });
    if (this.#names.has(parameter))
      throw new UsageError({
        what: 'SGD got a parameter twice',
        expected: 'each parameter in one group',
        got: `${name}, which is the same parameter as ${this.#names.get(parameter)}`,
      });
    this.#names.set(parameter, name);
    return parameter;
  }

  /** Number of steps so far. */
  get steps(): number {
    return this.#steps;
  }

  /** Sets all gradients to null. Call it before each `backward()`. */
  zeroGrad(): void {
    for (const parameter of this.#names.keys()) parameter.grad = null;
  }

  /**
   * Queues a run that updates every parameter that has a gradient, without waiting for it. The losses from which the
   * gradients came are computed in the same run, so reading them later costs nothing.
   *
   * @param compute further tensors to compute before the update, such as predictions
   * @param guard a scalar: if it is NaN or infinite, the run changes nothing; then call `undo()`
   * @throws DeviceError if a parameter is on the host; UsageError if no parameter has a gradient
   */
  step(options: { compute?: readonly Tensor[]; guard?: Tensor } = {}): void {
    checkOptionNames('step', options, ['compute', 'guard']);
    const { compute = [], guard } = options;
    const changes: Change[] = [];
    const outputs = new Set<Tensor>();
    const grads: Node[] = [];
    const devices = new Set<Device>();
    for (const group of this.paramGroups) {
      // A schedule may have set the rate to 0, by which this rule would divide.
      if (group.rateInVelocity) checkOptions(group);
      const ready = group.parameters.filter((parameter) => parameter.grad !== null);
      for (const parameter of ready) this.#checkFresh(parameter);
      const factors = new Factors(group, ready[0]);
      for (const parameter of ready) {
        const grad = parameter.grad!;
        for (const loss of grad.origins) outputs.add(loss);
        grads.push(grad.node);
        devices.add(this.#deviceOf(parameter));
        changes.push(...this.#changes(parameter, grad.node, group, factors));
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
    update(changes, [...outputs, ...compute], guard);
    for (const node of grads) this.#consumed.add(node);
    this.#before = [];
    for (const { parameters, lr, lrScale } of this.paramGroups)
      for (const parameter of parameters) {
        const slot = this.#slots.get(parameter);
        if (!slot || !parameter.grad) continue;
        this.#before.push({ slot, started: slot.started, lr: slot.lr });
        Object.assign(slot, { started: true, lr: lr * lrScale });
      }
    this.#steps++;
  }

  /** Reverts the optimizer's bookkeeping of the last step, if its guard kept the step from changing anything. */
  undo(): void {
    for (const { slot, started, lr } of this.#before) Object.assign(slot, { started, lr });
    this.#before = [];
    this.average?.undo();
    this.#steps--;
  }

  #deviceOf(parameter: Parameter): Device {
    if (parameter.storage) return parameter.storage.device;
    throw new DeviceError({
      what: `The parameter ${this.#label(parameter)} is not on a device`,
      expected: 'parameters that the device can update in place',
      got: 'values on the host',
      next: 'await model.to(device) before training',
    });
  }

  #label(parameter: Parameter): string {
    return `${this.#names.get(parameter)} ${showShape(parameter.shape)}`;
  }

  /** A gradient that was used before, alone or in a sum, means that zeroGrad() was not called. */
  #checkFresh(parameter: Parameter): void {
    const { node } = parameter.grad!;
    const old = [node, ...(node.op === 'add' ? node.inputs : [])].find((n) => this.#consumed.has(n));
    if (!old || old.value) return;
    throw new UsageError({
      what: `The gradient of ${this.#label(parameter)} is still that of the last step`,
      expected: 'optimizer.zeroGrad() and loss.backward() before each step',
      got: node === old ? 'the gradient of the last step' : 'its sum with the gradient of the last step',
      next: 'call optimizer.zeroGrad() before backward()',
    });
  }

  /** A parameter's momentum, on its device. */
  #slot(parameter: Parameter, device: Device): Slot {
    let slot = this.#slots.get(parameter);
    if (!slot) {
      const zeros = makeArray(parameter.dtype, parameter.size);
      const momentum = new Parameter(zeros, parameter.shape, { trainable: false });
      slot = { name: this.#names.get(parameter)!, momentum, started: false, lr: 0 };
      this.#slots.set(parameter, slot);
    }
    // The momentum is on the host, so place() is complete when the call returns.
    if (!slot.momentum.storage) void slot.momentum.place(device);
    if (slot.momentum.storage?.device === device) return slot;
    throw new DeviceError({
      what: `The parameter ${this.#label(parameter)} is on another device than its momentum`,
      expected: slot.momentum.storage?.device.name ?? 'one device for both',
      got: device.name,
      next: 'move the model first, then create its optimizer',
    });
  }

  #changes(parameter: Parameter, grad: Node, group: Group, factors: Factors): Change[] {
    const { momentum, dampening, weightDecay, nesterov, rateInVelocity, lr, lrScale } = group;
    const p = parameter.node;
    let g = weightDecay === 0 ? grad : ops.addScaled(grad, p, factors.weightDecay);
    const changes: Change[] = [];
    if (momentum !== 0) {
      const slot = this.#slot(parameter, this.#deviceOf(parameter));
      const buffer = slot.momentum.node;
      // With zero momentum the general rule is also correct for the first step, except for dampening.
      let next = g;
      const carried = factors.momentum(rateInVelocity && slot.started ? slot.lr / (lr * lrScale) : 1);
      if (dampening === 0) next = ops.addScaled(g, buffer, carried);
      else if (slot.started) next = ops.addScaled(ops.mul(g, factors.undamped), buffer, carried);
      changes.push({ parameter: slot.momentum, value: next });
      g = nesterov ? ops.addScaled(g, next, carried) : next;
    }
    changes.push({ parameter, value: ops.addScaled(p, g, factors.step) });
    return changes;
  }

  /** The state that later steps depend on: momentum tensors by parameter name, and JSON data. */
  stateDict(): { tensors: Map<string, Parameter>; state: SGDState } {
    const started = [...this.#slots.values()].filter((slot) => slot.started);
    return {
      tensors: new Map(started.map((slot) => [`momentum.${slot.name}`, slot.momentum])),
      state: {
        steps: this.#steps,
        groups: this.paramGroups.map(({ parameters: _, ...numbers }) => numbers),
        ...(this.paramGroups.some((group) => group.rateInVelocity)
          ? { rates: Object.fromEntries(started.map(({ name, lr }) => [name, lr])) }
          : {}),
      },
    };
  }

  /**
   * Restores a state from `stateDict()`. Nothing changes unless everything fits.
   *
   * @throws CheckpointError if the state belongs to other parameters, ShapeError if a momentum has another shape
   */
  loadStateDict({ tensors, state }: { tensors: ReadonlyMap<string, SavedTensor>; state: SGDState }): void {
    if (state.groups.length !== this.paramGroups.length)
      throw new CheckpointError({
        what: 'The optimizer’s saved state has other parameter groups',
        expected: `${this.paramGroups.length} groups`,
        got: `${state.groups.length}`,
        next: 'create the optimizer with the options of the run that saved it',
      });
    const byName = new Map([...this.#names].map(([parameter, name]) => [`momentum.${name}`, parameter]));
    for (const [name, saved] of tensors) {
      checkSaved(name, saved);
      const parameter = byName.get(name);
      if (!parameter)
        throw new CheckpointError({
          what: `The optimizer’s saved state has ${name}, which belongs to no parameter`,
          expected: `names such as ${[...byName.keys()][0]}`,
          got: name,
          next: 'create the optimizer from the same model, and with or without names as before',
        });
      if (!sameShape(saved.shape, parameter.shape))
        throw new ShapeError({
          what: `${name} of the optimizer’s saved state does not fit its parameter`,
          expected: showShape(parameter.shape),
          got: showShape(saved.shape),
        });
      this.#deviceOf(parameter);
      checkPlace(name, parameter, saved);
    }
    for (const group of state.groups) checkOptions(group);
    this.#checkRates(state, [...tensors.keys()]);
    for (const [i, group] of state.groups.entries()) {
      const { lr, momentum, dampening, weightDecay, nesterov, rateInVelocity, lrScale } = group;
      const numbers = { lr, momentum, dampening, weightDecay, nesterov, rateInVelocity, lrScale };
      Object.assign(this.paramGroups[i]!, numbers);
    }
    for (const [name, parameter] of byName) {
      const saved = tensors.get(name);
      if (!saved && !this.#slots.has(parameter)) continue;
      const slot = this.#slot(parameter, this.#deviceOf(parameter));
      if (saved) loadSaved(slot.momentum, saved);
      else slot.momentum.load(makeArray(parameter.dtype, parameter.size));
      slot.started = saved !== undefined;
      slot.lr = state.rates?.[slot.name] ?? 0;
    }
    this.#steps = state.steps;
  }

  /** With `rateInVelocity`, each momentum needs the rate of its last step. */
  #checkRates({ groups, rates = {} }: SGDState, names: readonly string[]): void {
    if (!groups.some((group) => group.rateInVelocity)) return;
    const bad = names.find((name) => !(Number(rates[name.replace('momentum.', '')]) > 0));
    if (bad === undefined) return;
    throw new CheckpointError({
      what: `The optimizer’s saved state has ${bad} without the rate of its last step`,
      expected: 'a rate above 0 for each momentum, which rateInVelocity needs',
      got: String(rates[bad.replace('momentum.', '')]),
      next: 'resume from a checkpoint of a run with this rule',
    });
  }
}
