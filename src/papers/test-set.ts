import { inClassesOf, showClasses } from '../data/class-order.js';
import type { Dataset } from '../data/dataset.js';
import { classCount } from '../errors/counted.js';
import { UsageError } from '../errors/errors.js';

/** The names of classes that have none, such as those of a bare file of weights. */
export const unnamedClasses = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `class ${i}`);

const isUnnamed = (classes: readonly string[]): boolean => classes.every((name, i) => name === `class ${i}`);

/**
 * A data set as a model is measured on it: its labels are indices into the model's classes, which are matched by name.
 * Where the model's classes have no names the data set's own are taken in their order.
 *
 * @param path of the model, for messages
 * @returns the data set, and what a person should know about how it was matched
 * @throws UsageError where classes are not those of the model
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
      got: `one of ${classes.length}, which have no names`,
      next: 'name the data set it was trained on with --dataset, or its classes with --class-names',
    });
  return {
    dataset,
    notes: [
      `The classes of ${path} have no names: they are taken to be those of ${dataset.name}, in this order: ${showClasses(dataset.classes)}. If that is not so, name them with --class-names.`,
      ...oneClass(dataset),
    ],
  };
}

/** An accuracy on a single class says nothing about the others. */
export function oneClass({ labels, classes, name }: Dataset): string[] {
  if (!labels || classes.length < 2 || labels.length === 0) return [];
  const [first] = labels;
  if (labels.some((label) => label !== first)) return [];
  return [
    `All test images of ${name} are of one class, ${classes[first!]}: the figures are of that class alone.`,
  ];
}
