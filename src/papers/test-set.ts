import { inClassesOf, showClasses } from '../data/class-order.js';
import type { Dataset } from '../data/dataset.js';
import { classCount } from '../errors/counted.js';
import { UsageError } from '../errors/errors.js';

/** Placeholder names for classes without names, as in a bare file of weights. */
export const unnamedClasses = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `class ${i}`);

const isUnnamed = (classes: readonly string[]): boolean => classes.every((name, i) => name === `class ${i}`);

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
    return { dataset: matched, notes: oneClass(matched) };
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
      ...oneClass(dataset),
    ],
  };
}

/** A warning if all test images are of one class: accuracy on it says nothing about the others. */
export function oneClass({ labels, classes, name }: Dataset): string[] {
  if (!labels || classes.length < 2 || labels.length === 0) return [];
  const [first] = labels;
  if (labels.some((label) => label !== first)) return [];
  return [
    `All test images of ${name} are of one class, ${classes[first!]}: the results are for that class only.`,
  ];
}
