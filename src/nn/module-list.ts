import { shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';

function checkModule<M extends Module<unknown>>(container: string, value: M): M {
  if (value instanceof Module) return value;
  throw new UsageError({
    what: `${container} holds modules`,
    expected: 'a module, such as new Linear(2, 2)',
    got: shown(value),
    next: typeof value === 'function' ? 'create an instance of the class with new' : 'pass modules only',
  });
}

function noForward(container: string): never {
  throw new UsageError({
    what: `A ${container} only holds modules`,
    expected: 'calls of its members',
    got: 'forward()',
    next: 'call the modules one by one, or use a Sequential',
  });
}

/**
 * A list of modules with the names `0`, `1`, …. A plain array in a property does the same; this one has PyTorch's methods.
 * If `forward` of its modules gives something else than a tensor, their type is written: `ModuleList<LSTM>`.
 *
 * @example
 * readonly blocks = new ModuleList(Array.from({ length: 6 }, () => new Block()));
 */
export class ModuleList<M extends Module<unknown> = Module> extends Module {
  private readonly modules: M[];

  constructor(modules: Iterable<NoInfer<M>> = []) {
    super();
    if (typeof (modules as Iterable<M> | null)?.[Symbol.iterator] !== 'function')
      throw new UsageError({
        what: 'ModuleList takes a list of modules',
        expected: 'new ModuleList([first, second])',
        got: shown(modules),
      });
    this.modules = [...modules].map((module) => checkModule('ModuleList', module));
  }

  get length(): number {
    return this.modules.length;
  }

  /** The module at a position; negative positions count from the end. */
  at(position: number): M | undefined {
    return this.modules.at(position);
  }

  append(module: M): this {
    this.modules.push(checkModule('ModuleList', module));
    return this;
  }

  extend(modules: Iterable<M>): this {
    for (const module of [...modules]) this.append(module);
    return this;
  }

  /** Inserts a module before a position from 0 to the length. @throws UsageError for another position */
  insert(position: number, module: M): this {
    if (!Number.isInteger(position) || position < 0 || position > this.length)
      throw new UsageError({
        what: 'ModuleList got a bad position',
        expected: `an integer from 0 to ${this.length}`,
        got: shown(position),
      });
    this.modules.splice(position, 0, checkModule('ModuleList', module));
    return this;
  }

  [Symbol.iterator](): Iterator<M> {
    return this.modules[Symbol.iterator]();
  }

  protected override *members(): Iterable<readonly [string, M]> {
    for (const [i, module] of this.modules.entries()) yield [String(i), module];
  }

  /** @throws UsageError always: a list only holds modules */
  forward(): Tensor {
    return noForward('ModuleList');
  }
}

/**
 * Modules by name. A plain object in a property does the same; this one has PyTorch's methods. Their type is written as
 * for a {@link ModuleList}.
 *
 * @example
 * readonly heads = new ModuleDict({ left: new Linear(8, 2), right: new Linear(8, 3) });
 */
export class ModuleDict<M extends Module<unknown> = Module> extends Module {
  private readonly modules: Map<string, M>;

  constructor(modules: Readonly<Record<string, NoInfer<M>>> | Iterable<readonly [string, NoInfer<M>]> = {}) {
    super();
    if (typeof modules !== 'object' || modules === null)
      throw new UsageError({
        what: 'ModuleDict takes modules by name',
        expected: 'new ModuleDict({ left: new Linear(2, 2) })',
        got: shown(modules),
      });
    this.modules = new Map();
    const entries = Symbol.iterator in modules ? [...modules] : Object.entries(modules);
    for (const entry of entries) {
      if (!Array.isArray(entry))
        throw new UsageError({
          what: 'ModuleDict takes pairs of a name and a module',
          expected: "[['left', new Linear(2, 2)]]",
          got: shown(entry),
        });
      this.set(entry[0], entry[1]);
    }
  }

  get size(): number {
    return this.modules.size;
  }

  get(name: string): M | undefined {
    return this.modules.get(name);
  }

  has(name: string): boolean {
    return this.modules.has(name);
  }

  /** @throws UsageError for a name that is empty or has a dot */
  set(name: string, module: M): this {
    if (typeof name !== 'string' || name === '' || name.includes('.'))
      throw new UsageError({
        what: 'ModuleDict got a bad name',
        expected: 'a name without dots',
        got: shown(name),
      });
    this.modules.set(name, checkModule('ModuleDict', module));
    return this;
  }

  delete(name: string): boolean {
    return this.modules.delete(name);
  }

  keys(): Iterable<string> {
    return this.modules.keys();
  }

  values(): Iterable<M> {
    return this.modules.values();
  }

  [Symbol.iterator](): Iterator<[string, M]> {
    return this.modules[Symbol.iterator]();
  }

  protected override members(): Iterable<readonly [string, M]> {
    return this.modules;
  }

  /** @throws UsageError always: a dictionary only holds modules */
  forward(): Tensor {
    return noForward('ModuleDict');
  }
}
