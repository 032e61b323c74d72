import { Subset } from '../data/subset.js';
import { grouped } from '../errors/counted.js';
import { openDataset } from '../train/datasets.js';
import type { PaperDataset } from './paper.js';

/**
 * The first training images of CIFAR-10, whose training files are in random order, with all test images: a paper's data
 * set for trainings that all of them would make too long.
 */
export const cifar10Part = (images: number): PaperDataset => ({
  about: `the first ${grouped(images)} training images of CIFAR-10`,
  open: async ({ train, data }) => {
    const all = await openDataset({ dataset: 'cifar10', data, train });
    return train
      ? new Subset(
          all,
          Int32Array.from({ length: images }, (_, i) => i),
        )
      : all;
  },
});
