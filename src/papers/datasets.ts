import { checkSource } from '../data/check-dataset.js';
import type { AnySet } from '../data/dataset.js';
import { UsageError } from '../errors/errors.js';
import { didYouMean } from '../errors/nearest.js';
import { callOwn } from '../errors/own-code.js';
import { DATASETS, type DatasetName, isDatasetName } from '../run/dataset-names.js';
import { openDataset } from '../train/datasets.js';
import type { Paper, PaperDataset, PaperDatasetOptions } from './paper.js';

/** The names of the data sets that a paper can be trained on, its own first. */
const datasetNames = ({ datasets = {} }: Pick<Paper, 'datasets'>): string[] => [
  ...Object.keys(datasets),
  ...DATASETS,
];

/** The default data set of a recipe; undefined if it depends on what is on this machine. */
export const defaultDataset = (
  { datasets = {}, recipes }: Pick<Paper, 'datasets' | 'recipes'>,
  recipe: string,
): string | undefined =>
  recipes[recipe]?.dataset ?? Object.keys(datasets).find((name) => !datasets[name]!.byNameOnly);

/** A data set of the paper's own; undefined for a built-in one. @throws UsageError for a name that is neither */
export function ownDataset(paper: Pick<Paper, 'name' | 'datasets'>, name: string): PaperDataset | undefined {
  if (paper.datasets && Object.hasOwn(paper.datasets, name)) return paper.datasets[name];
  if (isDatasetName(name)) return undefined;
  const names = datasetNames(paper);
  throw new UsageError({
    what: `--dataset ${name} cannot be used`,
    expected: `one of ${names.join(', ')}`,
    got: `"${name}"`,
    next: didYouMean(
      name,
      names,
      'give another value, or leave --dataset out for its default (--help shows it)',
    ),
  });
}

/** Opens a data set of the paper's own. @throws UsageError if it is not one */
export async function openOwn(
  paper: Pick<Paper, 'name'>,
  name: string,
  dataset: PaperDataset,
  options: Omit<PaperDatasetOptions, 'openBuiltIn'>,
): Promise<AnySet> {
  const openBuiltIn = (builtIn: DatasetName) => openDataset({ ...options, dataset: builtIn });
  const opening = `open() of ${name} of ${paper.name}`;
  const set: unknown = await callOwn(opening, () => dataset.open({ ...options, openBuiltIn }));
  checkSource(`${paper.name}, data set ${name},`, set);
  return set;
}
