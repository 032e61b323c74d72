import { shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import { makeArray } from '../../graph/types.js';
import { Generator } from '../../random.js';
import { Parameter } from '../../tensor/parameter.js';
import { flushPending } from '../../tensor/pending.js';
import { loadSaved } from '../../tensor/saved.js';
import { copyMode, copyPersistence, Module } from '../module.js';

/**
 * A copy of a module with its own parameters and buffers, which have the current values and are on the same device.
 * Parameters that are shared in the original are shared in the copy. Hooks are not copied; objects of other classes are
 * shared.
 *
 * @throws UsageError for a class with #private members, which cannot be copied from outside
 * @example
 * const target = deepCopy(online).freeze();
 */
export function deepCopy<M extends Module<unknown>>(module: M): M {
  if (!(module instanceof Module))
    throw new UsageError({ what: 'deepCopy copies modules', expected: 'a Module', got: shown(module) });
  flushPending(module.namedBuffers().map(([, buffer]) => buffer));
  const copies = new Copies();
  const copy = copies.of(module) as M;
  copies.fill();
  return copy;
}

/** Copies of values by original. Their contents are filled in later, so that any depth is possible. */
class Copies {
  readonly #made = new Map<unknown, unknown>();
  readonly #todo: (() => void)[] = [];

  fill(): void {
    for (let next = this.#todo.pop(); next; next = this.#todo.pop()) next();
  }

  of(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value;
    const known = this.#made.get(value);
    if (known !== undefined) return known;
    const copy = this.#copy(value);
    this.#made.set(value, copy);
    return copy;
  }

  #copy(value: object): unknown {
    if (value instanceof Module) return this.#module(value);
    if (value instanceof Parameter) return parameterCopy(value);
    if (value instanceof Generator) return Generator.fromState(value.state());
    if (Array.isArray(value)) {
      const list: unknown[] = [];
      this.#todo.push(() => {
        for (const item of value) list.push(this.of(item));
      });
      return list;
    }
    if (value instanceof Map) {
      const map = new Map<unknown, unknown>();
      this.#todo.push(() => {
        for (const [key, item] of value) map.set(key, this.of(item));
      });
      return map;
    }
    if (value instanceof Set) {
      const set = new Set<unknown>();
      this.#todo.push(() => {
        for (const item of value) set.add(this.of(item));
      });
      return set;
    }
    const parent: unknown = Object.getPrototypeOf(value);
    if (parent !== Object.prototype && parent !== null) return value;
    const copy: Record<string, unknown> = Object.create(parent as object | null);
    this.#todo.push(() => {
      for (const [key, item] of Object.entries(value)) copy[key] = this.of(item);
    });
    return copy;
  }

  #module(module: Module<unknown>): Module<unknown> {
    const type = module.constructor;
    checkCopyable(type);
    // Runs only the constructor of Module, for an object of the module's class.
    const copy = Reflect.construct(Module as unknown as new () => Module, [], type) as Module<unknown>;
    this.#todo.push(() => {
      for (const [key, value] of Object.entries(module))
        Object.defineProperty(copy, key, {
          value: this.of(value),
          writable: true,
          enumerable: true,
          configurable: true,
        });
    });
    copyMode(module, copy);
    return copy;
  }
}

function parameterCopy(parameter: Parameter): Parameter {
  const { dtype, shape, size, isBuffer } = parameter;
  const copy = new Parameter(makeArray(dtype, size), shape, { trainable: !isBuffer });
  loadSaved(copy, parameter);
  copyPersistence(parameter, copy);
  if (!isBuffer && !parameter.requiresGrad) copy.freeze();
  return copy;
}

/** Members with a # in the source of a class. */
const PRIVATE = /\bthis\s*\.\s*#[\w$]|^\s*(?:async\s+)?(?:[gs]et\s+)?#[\w$]+\s*[=;(]/m;

/** @throws UsageError for a class below Module with #private members: only its own constructor can make them */
function checkCopyable(type: unknown): void {
  for (let at = type; typeof at === 'function' && at !== Module; at = Object.getPrototypeOf(at))
    if (PRIVATE.test(Function.prototype.toString.call(at)))
      throw new UsageError({
        what: `deepCopy cannot copy a ${at.name}`,
        expected: 'a class without #private members',
        got: '#private members, which only its own constructor can make',
        next: 'use TypeScript’s private, or create a second one and loadStateDict() the first one’s stateDict()',
      });
}
