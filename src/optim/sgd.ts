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
  /** Whether the first gradient has gone in; until then the momentum is zero. */
  started: boolean;
  /** The rate of the last step, which the velocity is counted in. */
  lr: number;
}

/**
 * Stochastic gradient descent by PyTorch's rule: g ← g + weightDecay · p; b ← momentum · b + (1 − dampening) · g
 * (b ← g the first time); p ← p − lr · b, or p ← p − lr · (g + momentum · b) with Nesterov. The rate stands
 * outside of the momentum, unlike in the paper (section 5); the two differ when the rate changes, and
 * `rateInVelocity` chooses the paper's. It runs on the same b, which is then −v in units of the last rate: all that
 * changes is that momentum becomes momentum · (last rate) / lr.
 *
 * A step is one run on the device: forward, backward, update, and the loss itself.
 *
 * @throws UsageError for options that cannot work
 * @example
 * const optimizer = new SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
 * optimizer.zeroGrad();
 * loss.backward();
 * optimizer.step();
 * console.log(await loss.item());
 */
export class SGD {
  /** Parameters with the numbers they run with; schedules change `lr` here. */
  readonly paramGroups: readonly Group[];
  readonly #names = new Map<Parameter, string>();
  readonly #slots = new Map<Parameter, Slot>();
  /** Gradients of steps gone by: their graphs are on weights that exist no longer. */
  readonly #consumed = new WeakSet<Node>();
  #steps = 0;
  /** Averages of the weights, which each step takes along. */
  average: WeightAverage | undefined;
  /** What `undo()` takes back: momentum that the last step has touched, as it was. */
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
        next: 'keep the layers of a model in its properties; those in #private fields cannot be seen',
      });
    // Now, so that the first step has the same structure as the later ones.
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
        got: `${name} again, which is ${this.#names.get(parameter)}`,
      });
    this.#names.set(parameter, name);
    return parameter;
  }

  /** How many steps have been taken. */
  get steps(): number {
    return this.#steps;
  }

  /** Forgets the gradients. Call it before each `backward()`. */
  zeroGrad(): void {
    for (const parameter of this.#names.keys()) parameter.grad = null;
  }

  /**
   * Queues the run that updates every parameter that has a gradient; nothing is waited for. The losses that the
   * gradients came from are computed in the same run, so that reading them later costs nothing.
   *
   * @param compute further tensors whose values are wanted from before the update, such as predictions
   * @param guard a scalar: where it turns out not to be a finite number, the run changes nothing; see `undo()`
   * @throws DeviceError when a parameter is on no device; UsageError when there is nothing to do
   */
  step(options: { compute?: readonly Tensor[]; guard?: Tensor } = {}): void {
    checkOptionNames('step', options, ['compute', 'guard']);
    const { compute = [], guard } = options;
    const changes: Change[] = [];
    const outputs = new Set<Tensor>();
    const grads: Node[] = [];
    const devices = new Set<Device>();
    for (const group of this.paramGroups) {
      // A schedule may have set a rate that this rule would divide by.
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
        what: 'step() found no gradient to follow',
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

  /** Takes back what is known here of the last step, for one that its guard kept from changing anything. */
  undo(): void {
    for (const { slot, started, lr } of this.#before) Object.assign(slot, { started, lr });
    this.#before = [];
    this.average?.undo();
    this.#steps--;
  }

  #deviceOf(parameter: Parameter): Device {
    if (parameter.storage) return parameter.storage.device;
    throw new DeviceError({
      what: `The parameter ${this.#label(parameter)} is on no device`,
      expected: 'parameters that the device can update in place',
      got: 'values on the host',
      next: 'await model.to(device) before training',
    });
  }

  #label(parameter: Parameter): string {
    return `${this.#names.get(parameter)} ${showShape(parameter.shape)}`;
  }

  /** A gradient that was used before, alone or in a sum, means that zeroGrad() was forgotten. */
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
    // On the host until now, so the values are on the device when the call returns.
    if (!slot.momentum.storage) void slot.momentum.place(device);
    if (slot.momentum.storage?.device === device) return slot;
    throw new DeviceError({
      what: `The parameter ${this.#label(parameter)} has moved away from its momentum`,
      expected: slot.momentum.storage?.device.name ?? 'one device for both',
      got: device.name,
      next: 'move the model first, then make its optimizer',
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
      // A momentum of zeros makes the first step right without a case of its own, but for the dampening.
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

  /** Everything that the next steps depend on: momentum tensors by parameter name, and plain numbers. */
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
   * Continues where `stateDict()` was taken, numbers and momentum alike. Nothing changes unless everything fits.
   *
   * @throws CheckpointError for a state of other parameters, ShapeError for a momentum of another shape
   */
  loadStateDict({ tensors, state }: { tensors: ReadonlyMap<string, SavedTensor>; state: SGDState }): void {
    if (state.groups.length !== this.paramGroups.length)
      throw new CheckpointError({
        what: 'The optimizer’s saved state has other parameter groups',
        expected: `${this.paramGroups.length} groups`,
        got: `${state.groups.length}`,
        next: 'make the optimizer with the options of the run that saved it',
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
          next: 'make the optimizer from the same model, with or without names as before',
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

  /** A velocity means nothing without the rate that it is counted in. */
  #checkRates({ groups, rates = {} }: SGDState, names: readonly string[]): void {
    if (!groups.some((group) => group.rateInVelocity)) return;
    const bad = names.find((name) => !(Number(rates[name.replace('momentum.', '')]) > 0));
    if (bad === undefined) return;
    throw new CheckpointError({
      what: `The optimizer’s saved state has ${bad} without the rate that it is counted in`,
      expected: 'a rate above 0 for each momentum, as rateInVelocity needs it',
      got: String(rates[bad.replace('momentum.', '')]),
      next: 'resume from a checkpoint of a run with this rule',
    });
  }
}
