import type { Device } from '../backend/backend.js';
import { CheckpointError, ShapeError } from '../errors.js';
import { dtypeOf, makeArray, type Shape, sameShape, showShape, type TypedArray } from '../graph/types.js';
import { withScope } from '../ops/scope.js';
import { flushPending } from '../tensor/pending.js';
import { Parameter, type Tensor } from '../tensor/tensor.js';

/** Values of one parameter, as a checkpoint has them. */
export interface SavedTensor {
  readonly data: TypedArray;
  readonly shape: Shape;
}

/** Names that did not match, from a load that was allowed to be partial. */
export interface LoadReport {
  readonly missing: string[];
  readonly unexpected: string[];
}

type Member = Module | Parameter;

/**
 * The base of every layer and model. Assigning a Module, a Parameter or an array of them to a property
 * registers it, in the order of assignment; a buffer is a Parameter with `trainable: false`. Names are those of
 * the PyTorch module that would look the same: `features.0.weight`, and `running_mean` for `runningMean`.
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

  /** Adds the module's operations to the graph. Layers take one tensor, losses take two. */
  abstract forward(...inputs: Tensor[]): Tensor;

  /** Own modules and parameters by name. Containers that name their members otherwise override this. */
  protected *members(): Iterable<readonly [string, Member]> {
    for (const [property, value] of Object.entries(this)) {
      const name = snakeCase(property);
      if (isMember(value)) yield [name, value];
      else if (Array.isArray(value))
        for (const [i, item] of value.entries()) if (isMember(item)) yield [`${name}.${i}`, item];
    }
  }

  /** What stands between the parentheses of the module's line in `toString()`. */
  protected extraRepr(): string {
    return '';
  }

  /** Runs operations under the module's path, so that a wrong shape says which layer it came to. */
  protected scoped<T>(body: () => T): T {
    const type = this.constructor.name;
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
    flushPending(this.#buffers());
    for (const [, parameter] of this.#state('')) await parameter.place(device);
    return this;
  }

  /** Everything there is to save, by PyTorch's names; a shared parameter comes under each of its names. */
  stateDict(): Map<string, Parameter> {
    flushPending(this.#buffers());
    return new Map(this.#state(''));
  }

  *#state(path: string): Iterable<[string, Parameter]> {
    for (const [name, parameter] of [...this.#own(true), ...this.#own(false)])
      yield [join(path, name), parameter];
    for (const [name, child] of this.namedChildren()) yield* child.#state(join(path, name));
  }

  /**
   * Overwrites parameters and buffers. Nothing is written unless everything fits. PyTorch's counters
   * (`num_batches_tracked`) are passed over.
   *
   * @param strict false: take what is there, and leave the rest as it is
   * @returns names that were missing or unexpected, which is possible only with `strict: false`
   * @throws CheckpointError for missing or unexpected names, ShapeError for a wrong shape
   * @example
   * model.loadStateDict(new Map([['classifier.6.bias', { data: new Float32Array(10), shape: [10] }]]), { strict: false });
   */
  loadStateDict(saved: ReadonlyMap<string, SavedTensor>, { strict = true } = {}): LoadReport {
    const own = this.stateDict();
    const missing = [...own.keys()].filter((name) => !saved.has(name));
    const unexpected = [...saved.keys()].filter(
      (name) => !own.has(name) && !name.endsWith('num_batches_tracked'),
    );
    const type = this.constructor.name;
    if (strict && missing.length + unexpected.length > 0)
      throw new CheckpointError({
        what: `The weights do not belong to this ${type}`,
        expected: `${own.size} parameters and buffers, none missing`,
        got: [
          ...(missing.length > 0 ? [`missing: ${some(missing)}`] : []),
          ...(unexpected.length > 0 ? [`unexpected: ${some(unexpected)}`] : []),
        ].join('; '),
        next: 'build the model with the options it was saved with, or pass { strict: false } to load what fits by name',
      });
    const fitting = [...own].filter(([name]) => saved.has(name));
    for (const [name, parameter] of fitting) checkFit(type, name, parameter, saved.get(name)!);
    for (const [name, parameter] of fitting) {
      const values = makeArray(parameter.dtype, parameter.size);
      values.set(saved.get(name)!.data);
      parameter.load(values);
    }
    return { missing, unexpected };
  }

  /** The module and all below it, one a line, as PyTorch prints them. */
  toString(): string {
    const type = this.constructor.name;
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

/** The first few names of a list that may be long. */
function some(names: readonly string[]): string {
  const shown = names.slice(0, 6).join(', ');
  return names.length > 6 ? `${shown} and ${names.length - 6} more` : shown;
}

function checkFit(type: string, name: string, parameter: Parameter, { data, shape }: SavedTensor): void {
  if (sameShape(shape, parameter.shape) && data.length === parameter.size) return;
  const count = data.length === shape.reduce((a, d) => a * d, 1) ? '' : ` with ${data.length} values`;
  throw new ShapeError({
    what: `${name} of the weights does not fit this ${type}`,
    expected: `${parameter.dtype} ${showShape(parameter.shape)}`,
    got: `${dtypeOf(data)} ${showShape(shape)}${count}`,
    next: 'build the model with the options it was saved with',
  });
}
