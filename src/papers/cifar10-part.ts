import { Subset } from '../data/subset.js';
import { grouped } from '../errors/counted.js';
import type { PaperDataset } from './paper.js';

/**
 * A subset of CIFAR-10, for runs that would take too long on all 50,000 images: the first training images (the files are
 * in random order) and all test images.
 */
export const cifar10Part = (images: number): PaperDataset => ({
  about: `the first ${grouped(images)} training images of CIFAR-10`,
  open: async ({ train, openBuiltIn }) => {
    const all = await openBuiltIn('cifar10');
    return train
      ? new Subset(
          all,
          Int32Array.from({ length: images }, (_, i) => i),
        )
      : all;
  },
});
