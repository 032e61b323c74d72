/** Names of the built-in data sets. */
export const DATASETS = ['cifar10', 'cifar100', 'mnist', 'fashion-mnist', 'shapes10', 'imagefolder'] as const;
export type DatasetName = (typeof DATASETS)[number];

export const isDatasetName = (name: string): name is DatasetName => DATASETS.some((known) => known === name);
