/** Names of the built-in data sets. */
export const DATASETS = ['cifar10', 'cifar100', 'mnist', 'fashion-mnist', 'shapes10', 'imagefolder'] as const;
export type DatasetName = (typeof DATASETS)[number];

/** Environment variables that name the folders of data sets. */
export const FOLDER_VARIABLES = {
  cifar10: 'PAPERWEIGHT_CIFAR10',
  cifar100: 'PAPERWEIGHT_CIFAR100',
  mnist: 'PAPERWEIGHT_MNIST',
  'fashion-mnist': 'PAPERWEIGHT_FASHION_MNIST',
} as const satisfies Partial<Record<DatasetName, string>>;

export const isDatasetName = (name: string): name is DatasetName => DATASETS.some((known) => known === name);
