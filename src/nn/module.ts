import type { Device } from '../backend/backend.js';
import { checkBooleans, checkOptionNames, shown } from '../errors/arguments.js';
import { CheckpointError, ShapeError, UsageError } from '../errors/errors.js';
import { type Shape, sameShape, showShape } from '../graph/types.js';
import { withScope } from '../ops/scope.js';
import { checkDevice } from '../tensor/check-device.js';
import { flushPending } from '../tensor/pending.js';
import { checkPlace, checkSaved, loadSaved, type SavedTensor } from '../tensor/saved.js';
import { Parameter, type Tensor } from '../tensor/tensor.js';
import { membersIn, watchCalls } from './registered.js';

/** A tensor whose shape is not that of the parameter of its name. */
export interface Mismatch {
  readonly name: string;
  /** The model's shape. */
  readonly expected: Shape;
  /** The file's shape. */
  readonly got: Shape;
}

/** What did not match, from a load that was allowed to be partial. */
export interface LoadReport {
  /** Of the model, not of the file. */
  readonly missing: string[];
  /** Of the file, not of the model. */
  readonly unexpected: string[];
  /** Of both, but of different shapes. */
  readonly mismatched: Mismatch[];
}

/** How much of a file has to match: see {@link Module.loadStateDict}. */
export interface LoadOptions {
  /** False: take what is there by name, and leave the rest as it is. */
  readonly strict?: boolean;
  /** True: leave parameters whose shape differs as they are, too. Needs `strict: false`. */
  readonly skipMismatched?: boolean;
}

type Member = Module | Parameter;

export type { SavedTensor };

/**
 * The base of every layer and model. Assigning a Module, a Parameter, or an array, a plain object, a Map or a Set of
 * them to a property registers it, in the order of assignment; a buffer is a Parameter with `trainable: false`. Names
 * are those of the PyTorch module that would look the same: `features.0.weight`, `branches.left.weight`, and
 * `running_mean` for `runningMean`.
 *
 * What stands in a `#private` field or in an object of a class of one's own cannot be seen. A parameter from there that
 * `forward` uses is refused, unless it is frozen: it would be neither trained nor saved nor moved.
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
export abstract class Module {
  /** True in training mode, where dropout drops and batch norm uses the batch's own statistics. */
  training = true;
  #frozen = false;
  /** Where the module hangs in the model that was walked last, such as `features.3`. */
  #path = '';

  constructor() {
    watchCalls(new.target.prototype, Module.prototype);
  }

  /** What listings and errors call the kind of module that this is: its class. */
  get typeName(): string {
    return this.constructor.name;
  }

  /** Adds the module's operations to the graph. Layers take one tensor, losses take two. */
  abstract forward(...inputs: Tensor[]): Tensor;

  /** Own modules and parameters by name. Containers that name their members otherwise override this. */
  protected *members(): Iterable<readonly [string, Member]> {
    for (const [property, value] of Object.entries(this))
      yield* membersIn(snakeCase(property), value, isMember);
  }

  /** What stands between the parentheses of the module's line in `toString()`. */
  protected extraRepr(): string {
    return '';
  }

  /** Runs operations under the module's path, so that a wrong shape says which layer it came to. */
  protected scoped<T>(body: () => T): T {
    const type = this.typeName;
    return withScope(this.#path ? `${this.#path} (${type})` : type, body);
  }

  /** Modules directly below this one, by name. */
  namedChildren(): [string, Module][] {
    return [...this.members()].filter((entry): entry is [string, Module] => entry[1] instanceof Module);
  }

  /** Modules directly below this one. */
  children(): Module[] {
    return this.namedChildren().map(([, module]) => module);
  }

  /** This module and all below it with their paths, outermost first; a module that is used twice comes once. */
  namedModules(prefix = ''): [string, Module][] {
    const found = new Map<Module, string>();
    this.#visit('', found);
    for (const [module, name] of found) if (module !== this) module.#path = join(this.#path, name);
    return [...found].map(([module, name]) => [join(prefix, name), module]);
  }

  #visit(name: string, found: Map<Module, string>): void {
    if (found.has(this)) return;
    found.set(this, name);
    for (const [key, child] of this.namedChildren()) child.#visit(join(name, key), found);
  }

  /** Own parameters (or buffers), without those of the modules below. */
  #own(trainable: boolean): [string, Parameter][] {
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

  /** Trainable parameters with their names; one that is shared comes once. */
  namedParameters(prefix = ''): [string, Parameter][] {
    return this.#all(prefix, true);
  }

  /** Trainable parameters, in order: what an optimizer takes. */
  parameters(): Parameter[] {
    return this.namedParameters().map(([, parameter]) => parameter);
  }

  /** Values that are saved but not optimised, such as running statistics, with their names. */
  namedBuffers(prefix = ''): [string, Parameter][] {
    return this.#all(prefix, false);
  }

  #buffers(): Parameter[] {
    return this.namedBuffers().map(([, buffer]) => buffer);
  }

  /**
   * Freezes the module and all below it: parameters get no gradients, and nothing below enters training mode again,
   * so that batch norm keeps its running statistics and dropout drops nothing.
   */
  freeze(): this {
    this.eval();
    for (const [, module] of this.namedModules()) {
      module.#frozen = true;
      for (const [, parameter] of module.#own(true)) parameter.freeze();
    }
    return this;
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  /** Sets training mode (or evaluation mode) here and in all modules below, but for frozen ones. */
  train(mode = true): this {
    if (!mode) flushPending(this.#buffers());
    for (const [, module] of this.namedModules()) module.training = mode && !module.#frozen;
    return this;
  }

  /** Sets evaluation mode here and in all modules below. */
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

  /** Everything there is to save, by PyTorch's names; a shared parameter comes under each of its names. */
  stateDict(): Map<string, Parameter> {
    flushPending(this.#buffers());
    const state = new Map<string, Parameter>();
    for (const [name, parameter] of this.#state('')) {
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

  *#state(path: string): Iterable<[string, Parameter]> {
    for (const [name, parameter] of [...this.#own(true), ...this.#own(false)])
      yield [join(path, name), parameter];
    for (const [name, child] of this.namedChildren()) yield* child.#state(join(path, name));
  }

  /**
   * What is missing, unexpected or of another shape in `saved`; nothing is loaded. PyTorch's counters
   * (`num_batches_tracked`) are passed over.
   *
   * @throws ShapeError for a tensor whose numbers are not as many as its shape says; UsageError for what is no map
   *   of tensors
   */
  compareStateDict(saved: ReadonlyMap<string, SavedTensor>): LoadReport {
    checkStateDict(saved);
    const own = this.stateDict();
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
   * Overwrites parameters and buffers, with the tensors of a file or with the `stateDict()` of another model. Nothing
   * is written unless everything fits. PyTorch's counters (`num_batches_tracked`) are passed over.
   *
   * Values of another model are copied as they are now. Where they are on a device and this model is on none, it is on
   * that device afterwards.
   *
   * @param options `strict: false` takes what is there by name; with `skipMismatched` parameters of another shape
   *   stay at their initialisation as well, as fine-tuning for other classes needs
   * @returns what was missing, unexpected or of another shape, which only a partial load lets through
   * @throws CheckpointError that lists everything that does not match; ShapeError when only shapes differ; DeviceError
   *   for a model on another device
   * @example
   * const { mismatched } = model.loadStateDict(saved, { strict: false, skipMismatched: true });
   */
  loadStateDict(saved: ReadonlyMap<string, SavedTensor>, options: LoadOptions = {}): LoadReport {
    checkOptionNames('loadStateDict', options, ['strict', 'skipMismatched']);
    const { strict = true, skipMismatched = false } = options;
    checkBooleans('loadStateDict', { strict, skipMismatched });
    const own = this.stateDict();
    const report = this.compareStateDict(saved);
    const wrongNames = strict && report.missing.length + report.unexpected.length > 0;
    const wrongShapes = report.mismatched.length > 0 && (strict || !skipMismatched);
    if (wrongNames || wrongShapes)
      throw misfit(this.typeName, own.size, strict ? report : { ...report, missing: [], unexpected: [] });
    const fitting = [...own].flatMap(([name, parameter]) => {
      const tensor = saved.get(name);
      return tensor && sameShape(tensor.shape, parameter.shape) ? [{ name, parameter, tensor }] : [];
    });
    for (const { name, parameter, tensor } of fitting) checkPlace(name, parameter, tensor);
    for (const { parameter, tensor } of fitting) loadSaved(parameter, tensor);
    return report;
  }

  /** The module and all below it, one a line, as PyTorch prints them. */
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

/** `runningMean` → `running_mean` */
const snakeCase = (name: string): string => name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();

/** Names of a list that may be long. */
function some(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN).join(', ');
  return names.length > SHOWN ? `${shown} and ${names.length - SHOWN} more` : shown;
}

/** Names that an error lists of each kind. */
const SHOWN = 24;

/** @throws UsageError for what is no map of tensors by name */
function checkStateDict(saved: unknown): void {
  if (saved instanceof Map) return;
  const tensors = (saved as { tensors?: unknown } | undefined)?.tensors;
  throw new UsageError({
    what: 'A state dict is a Map of tensors by name',
    expected: 'model.stateDict(), or the tensors of readWeights(file)',
    got: shown(saved),
    next:
      tensors instanceof Map
        ? 'pass its tensors: loadStateDict(weights.tensors)'
        : saved instanceof Module
          ? 'pass its stateDict(): loadStateDict(other.stateDict())'
          : 'use new Map(Object.entries(…)) for a plain object, or loadWeights(file, model) for a file',
  });
}

/** Everything that does not match in one message, in PyTorch's words. */
function misfit(type: string, size: number, { missing, unexpected, mismatched }: LoadReport): Error {
  const list = (what: string, names: readonly string[]) =>
    names.length > 0 ? [`${what}: ${some(names)}`] : [];
  const shapes = mismatched.map(
    ({ name, expected, got }) => `${name} ${showShape(got)} where the model has ${showShape(expected)}`,
  );
  const onlyShapes = missing.length + unexpected.length === 0;
  const Kind = onlyShapes ? ShapeError : CheckpointError;
  return new Kind({
    what: `The weights do not belong to this ${type}`,
    expected: `${size} parameters and buffers, ${onlyShapes ? 'each of the model’s shape' : 'none missing'}`,
    got: [
      ...list('missing', missing),
      ...list('unexpected', unexpected),
      ...list('size mismatch', shapes),
    ].join('; '),
    next: `build the model with the options it was saved with, or pass { strict: false${onlyShapes ? ', skipMismatched: true' : ''} } to load what fits`,
  });
}
