import { join } from 'node:path';
import type { Command } from 'commander';
import { PaperweightError } from '../errors/errors.js';
import type { LoadedModel } from '../papers/load.js';
import type { Measured } from '../report/measure.js';
import {
  addDeviceOptions,
  type DeviceFlags,
  examples,
  integer,
  JSON_OUTPUT,
  oneOf,
  pathName,
} from './options/options.js';
import { print, printJson } from './terminal/output.js';

/** Test images that are enough for a confusion matrix and quick to measure. */
const IMAGES = 1000;
/** Pixels of the PNG files for each one of the SVG. */
const SHARPNESS = 2;

interface Flags extends DeviceFlags {
  readonly out?: string;
  readonly figures?: string;
  readonly lang: 'en' | 'zh';
  readonly images: number;
  readonly data?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('report')
    .summary('a run as one HTML page, and its figures as SVG and PNG')
    .description(
      'Writes a page with everything a run can show: curves, epochs, norms, dead units, kernels, confusion matrix, predictions, nearest neighbours. It opens from disk and needs no network.',
    )
    .argument('<run>', 'a run folder')
    .argument('[others...]', 'further run folders, whose curves are drawn beside it')
    .option('--out <file>', 'the page (default: report.html in the run’s folder)', pathName('--out'))
    .option(
      '--figures <dir>',
      'write each figure as SVG and PNG there too (default: off)',
      pathName('--figures'),
    )
    .option('--lang <language>', 'en or zh', oneOf('--lang', ['en', 'zh']), 'en')
    .option(
      '--images <n>',
      'test images to measure the best weights on; 0 for none',
      integer('--images', { min: 0 }),
      IMAGES,
    )
    .option(
      '--data <dir>',
      'folder that holds the .bin files (default: the run’s own, else the one that PAPERWEIGHT_CIFAR10 names, else ./data)',
      pathName('--data'),
    );
  addDeviceOptions(command)
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
  const [{ collect }, { reportPage }, { writeFileAtomic }] = await Promise.all([
    import('../report/collect.js'),
    import('../report/page.js'),
    import('../files/atomic.js'),
  ]);
  const data = { ...(await collect(run, others)), ...(await look(run, flags)) };
  const { html, figures } = reportPage(data, flags.lang);
  const out = flags.out ?? join(run, 'report.html');
  await writeFileAtomic(out, html);
  const files = flags.figures === undefined ? [] : await writeFigures(flags.figures, figures);
  if (flags.json) printJson({ report: out, figures: files });
  else {
    print(`Report: ${out}`);
    if (flags.figures !== undefined) print(`Figures: ${files.length} files in ${flags.figures}`);
  }
}

/** What the model itself tells: its layers, and what it makes of test images. */
async function look(run: string, flags: Flags) {
  const [{ withDevice }, { openModel }, { stagesOf }] = await Promise.all([
    import('./device.js'),
    import('../papers/load.js'),
    import('../report/architecture.js'),
  ]);
  return withDevice(flags, async (device) => {
    try {
      const { model, classes, transform, config } = await openModel(run, device);
      const inputShape = [3, config.imageSize, config.imageSize];
      const stages = stagesOf(model, inputShape);
      if (flags.images === 0) return { stages, inputShape, measured: undefined };
      try {
        const measured = await measureRun(run, flags, { model, classes, transform });
        return { stages, inputShape, measured };
      } catch (error) {
        return { stages, inputShape, measured: undefined, unmeasured: reasonOf(error) };
      }
    } catch (error) {
      return { stages: [], inputShape: [], measured: undefined, unmeasured: reasonOf(error) };
    }
  });
}

/** A report without some figures is better than none, as long as it says why. */
function reasonOf(error: unknown): string {
  if (error instanceof PaperweightError) return error.message;
  throw error;
}

async function measureRun(
  run: string,
  flags: Flags,
  parts: Pick<LoadedModel, 'model' | 'classes' | 'transform'>,
): Promise<Measured> {
  const [{ checkClasses, chooseTestSet }, { openDatasetAloud }, { measure }, { Progress }] =
    await Promise.all([
      import('./eval.js'),
      import('./data/open.js'),
      import('../report/measure.js'),
      import('./terminal/progress.js'),
    ]);
  const choice = await chooseTestSet(run, flags);
  const dataset = await openDatasetAloud({ ...choice, train: false });
  checkClasses(run, choice.dataset, parts.classes, dataset.classes);
  const total = Math.min(flags.images, dataset.length);
  const bar = new Progress({ label: 'report', total, unit: 'images' });
  const { model, transform } = parts;
  return measure({ model, dataset, transform, limit: total, onProgress: (n) => bar.update(n) }).finally(() =>
    bar.done(),
  );
}

async function writeFigures(
  folder: string,
  figures: readonly { readonly name: string; readonly svg: string }[],
): Promise<string[]> {
  const [{ default: sharp }, { makeFolder }, { writeFileAtomic }, { diskError }] = await Promise.all([
    import('sharp'),
    import('../files/make-folder.js'),
    import('../files/atomic.js'),
    import('../files/disk-error.js'),
  ]);
  await makeFolder(folder).catch((error) => {
    throw diskError(error, `cannot make ${folder}`, PaperweightError);
  });
  const files: string[] = [];
  for (const { name, svg } of figures) {
    const png = await sharp(Buffer.from(svg), { density: 72 * SHARPNESS })
      .flatten({ background: '#ffffff' })
      .png()
      .toBuffer();
    for (const [ending, content] of [
      ['svg', svg],
      ['png', png],
    ] as const) {
      const file = join(folder, `${name}.${ending}`);
      await writeFileAtomic(file, content);
      files.push(file);
    }
  }
  return files;
}
