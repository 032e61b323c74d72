/** The data sets that commands know by name. */
export const DATASETS = ['cifar10', 'shapes10', 'imagefolder'] as const;
export type DatasetName = (typeof DATASETS)[number];
