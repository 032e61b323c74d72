import { Tensor } from '../tensor/tensor.js';

/**
 * The leaves in a value: itself, or those in the objects in it, in order, with the keys on their way. An object that
 * contains itself is entered once; any depth is possible.
 *
 * @param objectsIn the objects directly in an object, with their keys
 */
export function* leavesIn<T extends object>(
  value: object,
  isLeaf: (value: object) => value is T,
  objectsIn: (value: object) => readonly (readonly [key: unknown, item: object])[],
): Iterable<readonly [keys: readonly unknown[], leaf: T]> {
  if (isLeaf(value)) {
    yield [[], value];
    return;
  }
  const keys: unknown[] = [];
  const levels = [{ value, items: objectsIn(value), next: 0, empty: true }];
  const around = new Set<object>([value]);
  /** Objects without leaves, which may be referred to from many places. */
  const barren = new Set<object>();
  for (let level = levels.at(-1); level; level = levels.at(-1)) {
    const entry = level.items[level.next++];
    if (!entry) {
      levels.pop();
      keys.pop();
      around.delete(level.value);
      if (level.empty) barren.add(level.value);
      else if (levels.length > 0) levels.at(-1)!.empty = false;
      continue;
    }
    const [key, item] = entry;
    if (isLeaf(item)) {
      level.empty = false;
      yield [[...keys, key], item];
    } else if (!around.has(item) && !barren.has(item)) {
      keys.push(key);
      around.add(item);
      levels.push({ value: item, items: objectsIn(item), next: 0, empty: true });
    }
  }
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** The objects in an array or a plain object; numbers in long arrays cost little. */
export function plainObjectsIn(value: object): (readonly [key: unknown, item: object])[] {
  const found: (readonly [unknown, object])[] = [];
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (isObject(value[i])) found.push([i, value[i]]);
    return found;
  }
  const parent: unknown = Object.getPrototypeOf(value);
  if (parent !== Object.prototype && parent !== null) return found;
  const record = value as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(record)) {
    const item = record[key];
    if (isObject(item)) found.push([key, item]);
  }
  return found;
}

const isTensor = (value: object): value is Tensor => value instanceof Tensor;

/**
 * The tensors in a value: itself, or those in arrays and plain objects, in order, with their paths: `0`, `state.h`. The
 * path is empty if the value itself is a tensor.
 */
export const namedTensors = (value: unknown): [string, Tensor][] =>
  isObject(value)
    ? [...leavesIn(value, isTensor, plainObjectsIn)].map(([keys, tensor]) => [keys.join('.'), tensor])
    : [];

/** The tensors in a value, in order. */
export const tensorsIn = (value: unknown): Tensor[] => namedTensors(value).map(([, tensor]) => tensor);
