import { inClassesOf, showClasses } from '../data/class-order.js';
import type { Dataset } from '../data/dataset.js';
import { classCount, counted } from '../errors/counted.js';
import { UsageError } from '../errors/errors.js';

/** Placeholder names for classes without names, as in a bare file of weights. */
export const unnamedClasses = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `class ${i}`);

export const isUnnamed = (classes: readonly string[]): boolean =>
  classes.every((name, i) => name === `class ${i}`);

/**
 * A data set with its labels mapped to indices of the model's classes, matched by name. If the model's classes have
 * no names, the data set's are assumed, in their order.
 *
 * @param path of the model, for messages
 * @returns the data set, and messages for the user about the matching
 * @throws UsageError if the classes are not those of the model
 */
export function testSetFor(
  path: string,
  classes: readonly string[],
  dataset: Dataset,
): { readonly dataset: Dataset; readonly notes: readonly string[] } {
  if (!isUnnamed(classes) || isUnnamed(dataset.classes)) {
    const matched = inClassesOf(dataset, classes, path);
    return { dataset: matched, notes: absentClasses(matched) };
  }
  if (classes.length !== dataset.classes.length)
    throw new UsageError({
      what: `${path} does not have the classes of ${dataset.name}`,
      expected: `a model of ${classCount(dataset.classes.length)}: ${showClasses(dataset.classes)}`,
      got: `${classCount(classes.length)} without names`,
      next: 'name the data set it was trained on with --dataset, or its classes with --class-names',
    });
  return {
    dataset,
    notes: [
      `The classes of ${path} have no names; assumed: those of ${dataset.name}, in this order: ${showClasses(dataset.classes)}. If this is wrong, give them with --class-names.`,
      ...absentClasses(dataset),
    ],
  };
}

/** A warning if a class has no test images: the results say nothing about it. */
export function absentClasses({ labels, classes, name }: Dataset): string[] {
  if (!labels || classes.length < 2 || labels.length === 0) return [];
  const present = new Set(labels);
  const absent = classes.filter((_, label) => !present.has(label));
  if (present.size === 1)
    return [
      `All test images of ${name} are of one class, ${classes[labels[0]!]}: the results are for that class only.`,
    ];
  if (absent.length === 0) return [];
  const shown = absent.slice(0, 3).join(', ');
  const others =
    absent.length > 3 ? ` and ${counted(absent.length - 3, 'other class', 'other classes')}` : '';
  return [`There are no test images of ${shown}${others} in ${name}: the results are for the other classes.`];
}
