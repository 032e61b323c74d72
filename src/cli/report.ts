import { join } from 'node:path';
import type { Command } from 'commander';
import { LANGUAGES, type Language } from '../display/languages.js';
import { counted } from '../errors/counted.js';
import { PaperweightError, UsageError } from '../errors/errors.js';
import { printable } from '../errors/printable.js';
import type { LoadedModel } from '../papers/loading/loaded-model.js';
import type { Measured } from '../report/evaluate-sample.js';
import type { Figure } from '../report/figures.js';
import type { LoggedRun } from '../report/logged.js';
import {
  addDeviceOptions,
  type DeviceFlags,
  examples,
  integer,
  JSON_OUTPUT,
  oneOf,
  outputName,
  pathName,
  repeated,
} from './options/options.js';
import { checkOutput, FORCE } from './options/output-file.js';
import { note, print, printJson } from './terminal/output.js';

/** Default number of test images: enough for a confusion matrix, and fast. */
const IMAGES = 1000;

interface Page {
  readonly html: string;
  readonly figures: readonly Figure[];
}

interface Flags extends DeviceFlags {
  readonly out?: string;
  readonly figures?: string;
  readonly force?: boolean;
  readonly lang: Language;
  readonly images: number;
  readonly data?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('report')
    .summary('write a run as one HTML page, with figures as SVG and PNG')
    .description(
      'Writes a page with curves, epochs, norms, dead units, kernels, confusion matrix, predictions and nearest neighbours of a run; of a run of Logger, or a folder with event files of TensorBoard, a page with everything that was logged. It opens from disk and needs no network.',
    )
    .argument('<run>', 'a run folder', pathName('run'))
    .argument(
      '[others...]',
      'further run folders, whose curves are drawn for comparison',
      repeated(pathName('others')),
    )
    .option('--out <file>', 'output page (default: report.html in the run’s folder)', outputName('--out'))
    .option(
      '--figures <dir>',
      'also write each figure as SVG and PNG into this folder (default: off)',
      pathName('--figures'),
    )
    .option(...FORCE)
    .option('--lang <language>', 'en or zh', oneOf('--lang', LANGUAGES), 'en')
    .option(
      '--images <n>',
      'test images for evaluating the best weights, a class-balanced random sample; 0 for none',
      integer('--images', { min: 0 }),
      IMAGES,
    )
    .option(
      '--data <dir>',
      'folder with the .bin files, or with val/ for imagefolder (default: the run’s folder, else PAPERWEIGHT_CIFAR10 if set, else ./data)',
      pathName('--data'),
    );
  addDeviceOptions(command, 'float32')
    .option(...JSON_OUTPUT)
    .addHelpText(
      'after',
      examples(
        'paperweight report runs/my-run',
        'paperweight report runs/relu runs/tanh --figures figures --lang zh',
      ),
    )
    .action(writeReport);
}

async function writeReport(run: string, others: readonly string[], flags: Flags): Promise<void> {
  const { force = false } = flags;
  const inputs = [run, ...others];
  const gathered = await gather(inputs, flags);
  // The default page in the run's folder is always replaced.
  if (flags.out !== undefined)
    checkOutput(flags.out, {
      flag: '--out',
      what: 'an HTML page',
      endings: ['.html', '.htm'],
      force,
      inputs,
    });
  const { writeFileAtomic } = await import('../files/atomic.js');
  const { html, figures } = await gathered();
  const out = flags.out ?? join(run, 'report.html');
  const drawn = flags.figures === undefined ? [] : await figureFiles(flags.figures, figures);
  for (const { file, ending } of drawn)
    checkOutput(file, { flag: '--figures', what: 'a figure', endings: [ending], force, inputs });
  await writeFileAtomic(out, html);
  for (const { file, content } of drawn) await writeFileAtomic(file, await content());
  const files = drawn.map(({ file }) => file);
  if (flags.json) printJson({ report: out, figures: files });
  else {
    print(`Report: ${printable(out)}`);
    if (flags.figures !== undefined)
      print(`Figures: ${counted(files.length, 'file')} in ${printable(flags.figures)}`);
  }
}

/**
 * What a page needs to know about the runs.
 * @returns makes the page, which may take a while
 */
async function gather([run, ...others]: readonly string[], flags: Flags): Promise<() => Promise<Page>> {
  const { collectLogged } = await import('../serve/runs/collect-logged.js');
  const { RunFolder } = await import('../run/run-folder.js');
  const logged = await collectLogged(run!, note);
  if (!logged) {
    for (const input of [run!, ...others]) RunFolder.open(input);
    return async () => {
      const [{ collect }, { reportPage }] = await Promise.all([
        import('../report/collect.js'),
        import('../report/page/page.js'),
      ]);
      const data = await collect(run!, others, note);
      return reportPage({ ...data, ...(await look(run!, flags, data.config.model.paper)) }, flags.lang);
    };
  }
  const beside: LoggedRun[] = [];
  for (const path of others) {
    const other = await collectLogged(path, note);
    if (!other) {
      RunFolder.open(path);
      throw new UsageError({
        what: `${path} cannot be drawn beside ${run}`,
        expected:
          'runs of the same kind: only trainings, or only runs of Logger and event files of TensorBoard',
        got: 'a training',
        next: 'make two reports, or compare the runs in the dashboard: paperweight serve',
      });
    }
    beside.push(other);
  }
  return async () => {
    const { loggedPage } = await import('../report/page/logged-page.js');
    return loggedPage(logged, beside, flags.lang);
  };
}

/** The architecture of the model, and its predictions on test images, if it is a classifier. */
async function look(run: string, flags: Flags, paper: string) {
  const [{ openPaper }, { isClassifier }] = await Promise.all([
    import('../papers/registry.js'),
    import('../papers/paper.js'),
  ]);
  // A paper that is not there is reported below, with the model.
  const known = await openPaper(paper).catch(() => undefined);
  if (known && !isClassifier(known))
    return { stages: [], inputShape: [], measured: undefined, classifies: false };
  const [{ withDevice }, { openModel }, { stagesOf }] = await Promise.all([
    import('./device.js'),
    import('../papers/loading/load.js'),
    import('../report/architecture.js'),
  ]);
  return withDevice(flags, async (device) => {
    try {
      const { model, classes, transform, config, rules } = await openModel(run, device);
      const inputShape = [3, config.imageSize, config.imageSize];
      const stages = stagesOf(model, inputShape);
      if (flags.images === 0) return { stages, inputShape, measured: undefined };
      try {
        const measured = await measureRun(run, flags, { model, classes, transform, rules });
        return { stages, inputShape, measured };
      } catch (error) {
        return { stages, inputShape, measured: undefined, unmeasured: reasonOf(error) };
      }
    } catch (error) {
      return { stages: [], inputShape: [], measured: undefined, unmeasured: reasonOf(error) };
    }
  });
}

/** A missing part does not prevent the report; the page states the reason. */
function reasonOf(error: unknown): string {
  if (error instanceof PaperweightError) return error.message;
  throw error;
}

async function measureRun(
  run: string,
  flags: Flags,
  parts: Pick<LoadedModel, 'model' | 'classes' | 'transform' | 'rules'>,
): Promise<Measured> {
  const [{ chooseTestSet }, { testSetFor }, { openDatasetWithProgress }, { measure }, { Progress }] =
    await Promise.all([
      import('./eval.js'),
      import('../papers/test-set.js'),
      import('./data/open.js'),
      import('../report/evaluate-sample.js'),
      import('./terminal/progress.js'),
    ]);
  const choice = await chooseTestSet(run, flags);
  const images = await openDatasetWithProgress({ ...choice, train: false });
  const prepared = (await images.prepared?.(parts.rules)) ?? images;
  const { dataset, notes } = testSetFor(run, parts.classes, prepared);
  for (const line of notes) note(line);
  const total = Math.min(flags.images, dataset.length);
  const bar = new Progress({ label: 'report', total, unit: 'images' });
  const { model, transform } = parts;
  return measure({ model, dataset, transform, limit: total, onProgress: (n) => bar.update(n) }).finally(() =>
    bar.done(),
  );
}

/** Writes the figures into a folder, which is created if missing. @returns the files */
async function figureFiles(
  folder: string,
  figures: readonly { readonly name: string; readonly svg: string }[],
) {
  const [{ pngOf }, { makeFolder }, { diskError }] = await Promise.all([
    import('../report/drawing/rasterise.js'),
    import('../files/make-folder.js'),
    import('../files/disk-error.js'),
  ]);
  await makeFolder(folder).catch((error) => {
    throw diskError(error, `cannot make ${folder}`, PaperweightError);
  });
  return figures.flatMap(({ name, svg }) => [
    { file: join(folder, `${name}.svg`), ending: '.svg', content: async () => svg },
    { file: join(folder, `${name}.png`), ending: '.png', content: () => pngOf(svg) },
  ]);
}
