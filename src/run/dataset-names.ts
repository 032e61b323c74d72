/** Names of the built-in data sets. */
export const DATASETS = ['cifar10', 'shapes10', 'imagefolder'] as const;
export type DatasetName = (typeof DATASETS)[number];
