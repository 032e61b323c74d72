import type { AnySet, Dataset } from '../../data/dataset.js';
import { DataError } from '../../errors/errors.js';
import { openOwn, ownDataset } from '../../papers/datasets.js';
import type { Paper } from '../../papers/paper.js';
import { type DatasetOptions, openDataset } from '../../train/datasets.js';
import { note } from '../terminal/output.js';
import { Progress } from '../terminal/progress.js';

/** A progress bar that appears only if a download starts. */
export class DownloadBar {
  constructor(readonly label = 'CIFAR-10') {}

  #bar: Progress | undefined;

  readonly update = ({ received, total }: { received: number; total?: number | undefined }): void => {
    this.#bar ??= new Progress({ label: this.label, total, unit: 'bytes' });
    this.#bar.total = total;
    this.#bar.update(received);
  };

  done(): void {
    this.#bar?.done();
  }
}

/** Opens a data set with a progress bar for its download, and with command-line wording for what to do next. */
export async function openDatasetWithProgress(options: Omit<DatasetOptions, 'onProgress'>): Promise<Dataset> {
  const bar = new DownloadBar(options.dataset);
  try {
    const dataset = await openDataset({ ...options, onProgress: bar.update });
    for (const remark of dataset.remarks ?? []) note(`${dataset.name}: ${remark}`);
    return dataset;
  } catch (error) {
    if (!(error instanceof DataError) || !error.next?.includes('download: true')) throw error;
    const { what, expected, got, next } = error;
    throw new DataError({
      what,
      ...(expected === undefined ? {} : { expected }),
      ...(got === undefined ? {} : { got }),
      next: next
        .replace('pass download: true', `run: paperweight data ${options.dataset} --download`)
        .replace('download: true', `run: paperweight data ${options.dataset} --download`),
      cause: error,
    });
  } finally {
    bar.done();
  }
}

/** Opens a data set that a paper is trained on: one of its own, or a built-in one. */
export async function openPaperSet(
  paper: Paper,
  options: Omit<DatasetOptions, 'onProgress'>,
): Promise<AnySet> {
  const { dataset, train, data } = options;
  const own = ownDataset(paper, dataset);
  return own ? openOwn(paper, dataset, own, { train, data }) : openDatasetWithProgress(options);
}
