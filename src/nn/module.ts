import type { Device } from '../backend/backend.js';
import { checkBooleans, checkOptionNames, shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import { didYouMean } from '../errors/nearest.js';
import { sameShape } from '../graph/types.js';
import { withScope } from '../ops/scope.js';
import { checkDevice } from '../tensor/check-device.js';
import { inSpellingOf, propertyName } from '../tensor/names.js';
import { Parameter } from '../tensor/parameter.js';
import { flushPending } from '../tensor/pending.js';
import { checkPlace, checkSaved, loadAll, type SavedTensor } from '../tensor/saved.js';
import type { Removable, Tensor } from '../tensor/tensor.js';
import { bufferOf } from './module/buffer.js';
import {
  addCallHook,
  type BackwardHook,
  type BackwardPreHook,
  type ForwardHook,
  type ForwardPreHook,
} from './module/call-hooks.js';
import { membersIn, watchCalls } from './module/registered.js';
import { checkSlots, rememberSlot } from './module/slots.js';
import { checkStateDict, type LoadOptions, type LoadReport, misfit, some } from './module/state-dict.js';

type Member = Module<unknown> | Parameter;

/** Buffers that are not saved. */
const passing = new WeakSet<Parameter>();

/** Copies whether a module is frozen; parameters are not changed. */
export let copyMode: (from: Module<unknown>, to: Module<unknown>) => void;

/** Checks that the properties of a module's own parameters have not been given anything else. */
let checkOwn: (module: Module<unknown>) => void;

/** Copies whether a buffer is saved. */
export function copyPersistence(from: Parameter, to: Parameter): void {
  if (passing.has(from)) passing.add(to);
}

export type { LoadOptions, LoadReport, Mismatch } from './module/state-dict.js';
export type { SavedTensor };

/**
 * The base class of all layers and models. Assigning a Module, a Parameter, or an array, plain object, Map or Set of them
 * to a property registers it, in the order of assignment. A buffer is a Parameter with `trainable: false`. Names are those
 * of the same module in PyTorch: `features.0.weight`, `branches.left.weight`, and `running_mean` for `runningMean`. Other
 * capitals stay as they are: `W`, `Wq`, `A_log`, `conv2D`, `convBN1`.
 *
 * Members in a `#private` field or in an object of another class are not registered. If `forward` uses such a parameter,
 * it throws a UsageError unless the parameter is frozen or among the arguments, since the parameter would be neither
 * trained nor saved nor moved.
 *
 * @example
 * class Net extends Module {
 *   readonly conv = new Conv2d(3, 8, 3);
 *   readonly head = new Linear(8, 10);
 *   forward(x: Tensor): Tensor {
 *     return this.head.forward(this.conv.forward(x).relu().mean([2, 3]));
 *   }
 * }
 */
export abstract class Module<Out = Tensor> {
  /** True in training mode: dropout is active, and batch norm uses the statistics of the batch. */
  training = true;
  #frozen = false;
  /** Path in the model whose modules were listed last, such as `features.3`. */
  #path = '';

  /** Properties of the class that hold a parameter or null; anything else is refused at the next use. */
  protected static readonly parameterNames: readonly string[] = [];

  constructor() {
    watchCalls(new.target.prototype, Module.prototype, checkOwn);
  }

  /** Class name, for listings and errors. */
  get typeName(): string {
    return this.constructor.name;
  }

  /**
   * Adds the module's operations to the graph. Layers take one tensor, losses take two; other modules take and return
   * any values, such as a state. Tensors in arrays and plain objects that `forward` returns are found by `inspect`,
   * `watching` and ONNX's export. A module that returns anything other than one tensor extends `Module<What>`.
   */
  abstract forward(...inputs: unknown[]): Out;

  /** Direct modules and parameters with their names. Containers override this to name their members differently. */
  protected *members(): Iterable<readonly [string, Member]> {
    for (const [property, value] of Object.entries(this)) {
      if (value instanceof Parameter) rememberSlot(this, property);
      yield* membersIn(this.#nameOf(property), value, isMember);
    }
  }

  /** The property's name in PyTorch's style, unless another property is called so: `fooBar` beside `foo_bar`. */
  #nameOf(property: string): string {
    const name = propertyName(property);
    return name !== property && Object.hasOwn(this, name) ? property : name;
  }

  /** The text between the parentheses of the module's line in `toString()`. */
  protected extraRepr(): string {
    return '';
  }

  /** Runs operations under the module's path, so that shape errors name the layer. */
  protected scoped<T>(body: () => T): T {
    const type = this.typeName;
    return withScope(this.#path ? `${this.#path} (${type})` : type, body);
  }

  /** Direct submodules with their names. */
  namedChildren(): [string, Module][] {
    return [...this.members()].filter((entry): entry is [string, Module] => entry[1] instanceof Module);
  }

  /** Direct submodules. */
  children(): Module[] {
    return this.namedChildren().map(([, module]) => module);
  }

  /** This module and all submodules with their paths, outermost first, without duplicates. */
  namedModules(prefix = ''): [string, Module][] {
    const found = new Map<Module<unknown>, string>();
    this.#visit('', found);
    for (const [module, name] of found) if (module !== this) module.#path = join(this.#path, name);
    return [...found].map(([module, name]) => [join(prefix, name), module as Module]);
  }

  #visit(name: string, found: Map<Module<unknown>, string>): void {
    if (found.has(this)) return;
    found.set(this, name);
    for (const [key, child] of this.namedChildren()) child.#visit(join(name, key), found);
  }

  /** Parameters (or buffers) of this module, without those of submodules. */
  #own(trainable: boolean): [string, Parameter][] {
    checkOwn(this);
    return [...this.members()].filter(
      (entry): entry is [string, Parameter] =>
        entry[1] instanceof Parameter && entry[1].requiresGrad === trainable,
    );
  }

  #all(prefix: string, trainable: boolean): [string, Parameter][] {
    const seen = new Map<Parameter, string>();
    for (const [path, module] of this.namedModules(prefix))
      for (const [name, parameter] of module.#own(trainable))
        if (!seen.has(parameter)) seen.set(parameter, join(path, name));
    return [...seen].map(([parameter, name]) => [name, parameter]);
  }

  /** Trainable parameters with their names, without duplicates. */
  namedParameters(prefix = ''): [string, Parameter][] {
    return this.#all(prefix, true);
  }

  /** Trainable parameters, for an optimizer. */
  parameters(): Parameter[] {
    return this.namedParameters().map(([, parameter]) => parameter);
  }

  /** Buffers with their names: values that are saved but not optimised, such as running statistics. */
  namedBuffers(prefix = ''): [string, Parameter][] {
    return this.#all(prefix, false);
  }

  #buffers(): Parameter[] {
    return this.namedBuffers().map(([, buffer]) => buffer);
  }

  /**
   * Freezes the module and all submodules: their parameters get no gradients, and they stay in evaluation mode, so batch
   * norm keeps its running statistics and dropout is inactive.
   */
  freeze(): this {
    this.eval();
    for (const [, module] of this.namedModules()) {
      module.#frozen = true;
      for (const [, parameter] of module.#own(true)) parameter.freeze();
    }
    return this;
  }

  /**
   * Undoes {@link freeze}: parameters get gradients again, and the module and all submodules are in training mode. Add
   * them to an optimizer with `addParamGroup`.
   */
  unfreeze(): this {
    for (const [, module] of this.namedModules()) {
      module.#frozen = false;
      for (const [, member] of module.members())
        if (member instanceof Parameter && !member.isBuffer) member.unfreeze();
    }
    return this.train();
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  static {
    copyMode = (from, to) => {
      to.#frozen = from.#frozen;
    };
    checkOwn = (module) => checkSlots(module, module.#path);
  }

  /** Calls a function with each submodule and then with the module itself, innermost first, as for initialising. */
  apply(visit: (module: Module) => void): this {
    if (typeof visit !== 'function')
      throw new UsageError({
        what: `apply of ${this.typeName} takes a function`,
        expected: '(module) => …',
        got: shown(visit),
      });
    for (const child of this.children()) child.apply(visit);
    visit(this as Module<unknown> as Module);
    return this;
  }

  /** Sets the gradients of all parameters to null. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.grad = null;
  }

  /**
   * Calls a function after each call of `forward`, with the inputs and the output. A value that it returns replaces the
   * output.
   *
   * @returns a handle whose `remove()` removes the hook
   * @example
   * model.layer4.registerForwardHook((_module, _inputs, output: Tensor) => void features.push(output));
   */
  registerForwardHook(hook: ForwardHook): Removable {
    return addCallHook(this, 'after', hook);
  }

  /** Calls a function before each call of `forward`. An array that it returns replaces the inputs. */
  registerForwardPreHook(hook: ForwardPreHook): Removable {
    return addCallHook(this, 'before', hook);
  }

  /**
   * Calls a function with the gradients of a call's inputs and outputs, when `backward()` or `grad()` has described those of
   * the inputs (or, if no input has one, those of the outputs). Inputs are the arguments of `forward`, outputs its result or
   * the items of an array or object that it returns; what is not a floating-point tensor has null. An array that the
   * function returns replaces the gradients of the inputs. It applies to calls after its registration.
   *
   * @example
   * model.layer4.registerFullBackwardHook((_module, _gradInput, [gradOutput]) => void grads.push(gradOutput!));
   */
  registerFullBackwardHook(hook: BackwardHook): Removable {
    return addCallHook(this, 'backward', hook);
  }

  /** Calls a function with the gradients of a call's outputs. An array that it returns replaces them. */
  registerFullBackwardPreHook(hook: BackwardPreHook): Removable {
    return addCallHook(this, 'backwardBefore', hook);
  }

  /**
   * Registers a buffer as a property: a value that is saved and moved, but not optimised.
   *
   * @param options `persistent: false`: it is not part of the state dict
   * @throws UsageError if there is already a property of this name, or the value has not been computed yet
   */
  registerBuffer(name: string, value: Tensor, options: { persistent?: boolean } = {}): Parameter {
    checkOptionNames('registerBuffer', options, ['persistent']);
    const { persistent = true } = options;
    checkBooleans('registerBuffer', { persistent });
    const buffer = bufferOf(value);
    if (!persistent) passing.add(buffer);
    return this.#register('registerBuffer', name, buffer);
  }

  /** Registers a parameter as a property. @throws UsageError if there is a property of this name */
  registerParameter(name: string, parameter: Parameter): Parameter {
    if (!(parameter instanceof Parameter))
      throw new UsageError({
        what: 'registerParameter takes a parameter',
        expected: 'a Parameter',
        got: shown(parameter),
      });
    return this.#register('registerParameter', name, parameter);
  }

  /** Registers a module as a property. @throws UsageError if there is a property of this name */
  registerModule<M extends Module<unknown>>(name: string, module: M): M {
    if (!(module instanceof Module))
      throw new UsageError({
        what: 'registerModule takes a module',
        expected: 'a Module',
        got: shown(module),
      });
    return this.#register('registerModule', name, module);
  }

  #register<T extends Member>(method: string, name: unknown, value: T): T {
    // A field that is only declared, `u!: Parameter`, is undefined.
    const taken = (key: string) =>
      key in this && !(Object.hasOwn(this, key) && Reflect.get(this, key) === undefined);
    if (typeof name !== 'string' || name === '' || name.includes('.') || taken(name))
      throw new UsageError({
        what: `${method} of ${this.typeName} got a bad name`,
        expected: 'a name without dots that the module does not have yet',
        got: shown(name),
      });
    Object.defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true });
    return value;
  }

  /** The submodule with a path, such as `features.3`; the module itself for an empty path. @throws UsageError */
  getSubmodule(path: string): Module {
    return this.#found('submodule', path, this.namedModules());
  }

  /** The parameter with a name, such as `features.3.weight`. @throws UsageError */
  getParameter(path: string): Parameter {
    return this.#found('parameter', path, this.namedParameters());
  }

  /** The buffer with a name, such as `norm.running_mean`. @throws UsageError */
  getBuffer(path: string): Parameter {
    return this.#found('buffer', path, this.namedBuffers());
  }

  #found<T>(kind: string, path: string, all: readonly (readonly [string, T])[]): T {
    const found = all.find(([name]) => name === path);
    if (found) return found[1];
    const names = all.map(([name]) => name).filter((name) => name !== '');
    throw new UsageError({
      what: `${this.typeName} has no ${kind} ${shown(path)}`,
      expected: names.length === 0 ? `no ${kind} at all` : `one of ${some(names)}`,
      got: shown(path),
      ...(typeof path === 'string' ? { next: didYouMean(path, names, 'look at its named lists') } : {}),
    });
  }

  /** Sets training mode (or evaluation mode) for this module and all submodules that are not frozen. */
  train(mode = true): this {
    checkBooleans('train', { mode });
    if (!mode) flushPending(this.#buffers());
    for (const [, module] of this.namedModules()) module.training = mode && !module.#frozen;
    return this;
  }

  /** Sets evaluation mode for this module and all submodules. */
  eval(): this {
    return this.train(false);
  }

  /** Moves parameters and buffers to a device. */
  async to(device: Device): Promise<this> {
    checkDevice(device);
    flushPending(this.#buffers());
    for (const [, parameter] of this.#state('')) await parameter.place(device);
    return this;
  }

  /** Converts floating-point parameters and buffers, as PyTorch's `double()` and `float()`. */
  async toFloat(dtype: 'float32' | 'float64' = 'float32'): Promise<this> {
    if (dtype !== 'float32' && dtype !== 'float64')
      throw new UsageError({
        what: `${this.typeName}.toFloat() got a bad dtype`,
        expected: "'float32' or 'float64'",
        got: shown(dtype),
      });
    flushPending(this.#buffers());
    for (const [, parameter] of this.#state(''))
      if (parameter.dtype.startsWith('float')) await parameter.convert(dtype);
    return this;
  }

  /** All parameters and buffers by PyTorch's names; a shared parameter has an entry for each of its names. */
  stateDict(): Map<string, Parameter> {
    flushPending(this.#buffers());
    const state = new Map<string, Parameter>();
    for (const [name, parameter] of this.#state('')) {
      if (passing.has(parameter)) continue;
      const before = state.get(name);
      if (before !== undefined && before !== parameter)
        throw new UsageError({
          what: `Two parameters of this ${this.typeName} are called ${name}`,
          expected: 'a name for each: properties, and keys of objects and Maps',
          got: 'the same name twice',
          next: 'rename one of the properties or keys',
        });
      state.set(name, parameter);
    }
    return state;
  }

  /** @param around the modules around this one: a module that refers back to one of them does not contain it */
  *#state(path: string, around: readonly Module<unknown>[] = []): Iterable<[string, Parameter]> {
    if (around.includes(this)) return;
    for (const [name, parameter] of [...this.#own(true), ...this.#own(false)])
      yield [join(path, name), parameter];
    for (const [name, child] of this.namedChildren())
      yield* child.#state(join(path, name), [...around, this]);
  }

  /**
   * Compares names and shapes with `saved`, without loading anything. PyTorch's counters (`num_batches_tracked`) are
   * ignored. A name may be spelled in camel case (`layerNorm.weight` for `layer_norm.weight`), or without capitals, as in
   * earlier files of this package (`w` for `W`).
   *
   * @throws ShapeError for a tensor whose number of values does not fit its shape; UsageError if `saved` is not a Map of
   *   tensors
   */
  compareStateDict(saved: ReadonlyMap<string, SavedTensor>): LoadReport {
    checkStateDict(saved);
    const own = this.stateDict();
    return this.#compare(own, inSpellingOf(own.keys(), saved));
  }

  #compare(own: ReadonlyMap<string, Parameter>, saved: ReadonlyMap<string, SavedTensor>): LoadReport {
    const report: LoadReport = {
      missing: [...own.keys()].filter((name) => !saved.has(name)),
      unexpected: [...saved.keys()].filter((name) => !own.has(name) && !name.endsWith('num_batches_tracked')),
      mismatched: [],
    };
    for (const [name, parameter] of own) {
      if (!saved.has(name)) continue;
      const tensor = saved.get(name);
      checkSaved(name, tensor);
      if (!sameShape(tensor.shape, parameter.shape))
        report.mismatched.push({ name, expected: parameter.shape, got: tensor.shape });
    }
    return report;
  }

  /**
   * Overwrites parameters and buffers with the tensors of a file, with the `stateDict()` of another model, or with tensors
   * made of them, such as the means of several models. Nothing is
   * written unless everything fits. PyTorch's counters (`num_batches_tracked`) are ignored.
   *
   * Values of another model are copied at the time of the call. If they are on a device and this model is on the host, this
   * model moves to that device.
   *
   * @param options `strict: false` loads the tensors whose names match; `skipMismatched` also leaves parameters of another
   *   shape unchanged, as for fine-tuning with other classes
   * @returns the names that did not match; empty unless the options allow a partial load
   * @throws CheckpointError that lists all mismatches; ShapeError if only shapes differ; DeviceError if the other model is
   *   on another device
   * @example
   * const { mismatched } = model.loadStateDict(saved, { strict: false, skipMismatched: true });
   */
  loadStateDict(saved: ReadonlyMap<string, SavedTensor>, options: LoadOptions = {}): LoadReport {
    checkOptionNames('loadStateDict', options, ['strict', 'skipMismatched']);
    const { strict = true, skipMismatched = false } = options;
    checkBooleans('loadStateDict', { strict, skipMismatched });
    checkStateDict(saved);
    const own = this.stateDict();
    const spelled = inSpellingOf(own.keys(), saved);
    const report = this.#compare(own, spelled);
    const wrongNames = strict && report.missing.length + report.unexpected.length > 0;
    const wrongShapes = report.mismatched.length > 0 && (strict || !skipMismatched);
    if (wrongNames || wrongShapes)
      throw misfit(this.typeName, own.size, strict ? report : { ...report, missing: [], unexpected: [] });
    const fitting = [...own].flatMap(([name, parameter]) => {
      const tensor = spelled.get(name);
      return tensor && sameShape(tensor.shape, parameter.shape) ? [{ name, parameter, tensor }] : [];
    });
    for (const { name, parameter, tensor } of fitting) checkPlace(name, parameter, tensor);
    loadAll(fitting);
    return report;
  }

  /** The module and all submodules, one per line, in PyTorch's format. */
  toString(): string {
    const type = this.typeName;
    const children = this.namedChildren().map(
      ([name, child]) => `  (${name}): ${child.toString().replaceAll('\n', '\n  ')}`,
    );
    return children.length === 0
      ? `${type}(${this.extraRepr()})`
      : `${type}(\n${[...(this.extraRepr() ? [`  ${this.extraRepr()}`] : []), ...children].join('\n')}\n)`;
  }
}

const isMember = (value: unknown): value is Member => value instanceof Module || value instanceof Parameter;

const join = (path: string, name: string): string => (path && name ? `${path}.${name}` : path || name);
