import { UsageError } from '../errors/errors.js';
import { type Dataset, isFloatSet, openWorkerSpec, UNREADABLE, type WorkerSpec } from './dataset.js';

/** Unicode allows composed and decomposed forms of one name; compare the composed ones. */
const plain = (name: string): string => name.normalize('NFC');

/** Whether two lists name the same classes in the same order. */
export const sameClasses = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((name, i) => plain(name) === plain(b[i]!));

/** Why a list of class names cannot be used; undefined if its names have text and differ. */
export function faultOfNames(names: readonly string[]): string | undefined {
  const own = names.map(plain);
  const bare = own.findIndex((name) => name.trim() === '');
  if (own.every((name) => name.trim() === '')) return 'no names';
  if (bare >= 0) return `no name at position ${bare + 1}`;
  const control = own.findIndex((name) => /\p{Cc}/u.test(name));
  if (control >= 0) return `a control character in the name at position ${control + 1}`;
  const twice = own.find((name, i) => own.indexOf(name) < i);
  return twice === undefined ? undefined : `${twice} twice`;
}

/** Index of each name in `list`; -1 if it is missing there or occurs twice in either list. */
export function placesIn(names: readonly string[], list: readonly string[]): Int32Array {
  const places = new Map<string, number>();
  for (const [i, name] of list.map(plain).entries()) places.set(name, places.has(name) ? -1 : i);
  const own = names.map(plain);
  return Int32Array.from(own, (name) =>
    own.indexOf(name) === own.lastIndexOf(name) ? (places.get(name) ?? -1) : -1,
  );
}

/** The first 20 class names, for messages. */
export const showClasses = (classes: readonly string[]): string =>
  `${classes.slice(0, 20).join(', ')}${classes.length > 20 ? ` … (${classes.length} classes)` : ''}`;

/**
 * Maps the labels of a data set to indices into a model's classes, matched by name. The order may differ, and the data
 * set may lack some of the model's classes.
 *
 * @param who owner of `classes`, for the message
 * @throws UsageError that lists both if the data set has images of a class that the model lacks
 */
export function inClassesOf(dataset: Dataset, classes: readonly string[], who = 'The model'): Dataset {
  if (sameClasses(dataset.classes, classes)) return dataset;
  const places = placesIn(dataset.classes, classes);
  // Classes without images may be missing. If labels are not known in advance, every class counts as used.
  const used = dataset.labels && new Set(dataset.labels);
  const unknown = dataset.classes.filter((_, label) => places[label] === -1 && (used?.has(label) ?? true));
  if (unknown.length === 0) return new Relabelled(dataset, classes, places);
  const twice = unknown.every((name) => classes.map(plain).includes(plain(name)));
  throw new UsageError({
    what: `${who} ${twice ? 'cannot distinguish classes of' : 'lacks classes of'} ${dataset.name} by name: ${showClasses(unknown)}`,
    expected: `classes among: ${showClasses(classes)}`,
    got: showClasses(dataset.classes),
    next: twice
      ? 'give each class a unique name'
      : 'rename the classes of the data set to those of the model, or use the data set that the model was trained on',
  });
}

/** A data set whose labels index another list of classes. */
class Relabelled implements Dataset {
  readonly name: string;
  readonly length: number;
  readonly imageShape: Dataset['imageShape'];
  readonly dtype: 'uint8' | 'float32';
  readonly labels?: Int32Array;
  readonly readMany?: NonNullable<Dataset['readMany']>;
  readonly workerSpec?: WorkerSpec;
  readonly #base: Dataset;
  readonly #places: Int32Array;

  constructor(
    base: Dataset,
    readonly classes: readonly string[],
    places: Int32Array,
  ) {
    this.#base = base;
    this.#places = places;
    this.name = base.name;
    this.length = base.length;
    this.imageShape = base.imageShape;
    this.dtype = isFloatSet(base) ? 'float32' : 'uint8';
    if (base.labels) this.labels = base.labels.map((label) => this.#placeOf(label));
    if (base.readMany)
      this.readMany = async (indices, into, labels) => {
        await base.readMany!(indices, into, labels);
        for (let i = 0; i < indices.length; i++) labels[i] = this.#placeOf(labels[i]!);
      };
    if (base.workerSpec) {
      const options: RelabelledSpec = { base: base.workerSpec, classes, places };
      this.workerSpec = { module: import.meta.url, export: 'openRelabelled', options };
    }
  }

  #placeOf(label: number): number {
    return label === UNREADABLE ? UNREADABLE : this.#places[label]!;
  }

  read(index: number, into: Uint8Array, offset: number): number {
    return this.#placeOf(this.#base.read(index, into, offset));
  }

  summary(): string | undefined {
    return this.#base.summary?.();
  }
}

interface RelabelledSpec {
  base: WorkerSpec;
  classes: readonly string[];
  places: Int32Array;
}

/** Opens a {@link Relabelled} data set in a worker thread. */
export async function openRelabelled({ base, classes, places }: RelabelledSpec): Promise<Dataset> {
  return new Relabelled(await openWorkerSpec(base), classes, places);
}
