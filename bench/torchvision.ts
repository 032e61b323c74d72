import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDevice } from '../src/backend/open.js';
import { CLASSIFIERS, EXPORTERS, exportClassifiers, logitsApart } from '../test/support/torchvision.js';

/*
 * Exports torchvision's classifiers with both of PyTorch's exporters, runs them on the fast device, and prints the
 * difference of the logits from PyTorch's as max |a − b| / max |b|. Takes about ten minutes on two cores.
 *
 *   PAPERWEIGHT_TORCH_PYTHON=… node dist/bench/torchvision.js [folder for the files, which are kept] [name …]
 */

const python = process.env.PAPERWEIGHT_TORCH_PYTHON;
if (!python)
  throw new Error('set PAPERWEIGHT_TORCH_PYTHON to a Python with torch, torchvision and onnxscript');
const [given, ...asked] = process.argv.slice(2);
const names = asked.length > 0 ? asked : CLASSIFIERS;
const folder = given ?? mkdtempSync(join(tmpdir(), 'torchvision-'));
const { device, why } = await openDevice('onednn');
try {
  const rows: string[] = [];
  for (const name of names) {
    exportClassifiers(python, folder, [name]);
    const apart: string[] = [];
    for (const exporter of EXPORTERS)
      apart.push((await logitsApart(folder, name, exporter, device)).toExponential(1));
    rows.push(`| ${name} | ${apart.join(' | ')} |`);
    process.stderr.write(`${rows.at(-1)}\n`);
  }
  const versions = JSON.parse(readFileSync(join(folder, 'versions.json'), 'utf8')) as Record<string, string>;
  process.stdout.write(`${why}; torch ${versions.torch}, torchvision ${versions.torchvision}\n\n`);
  process.stdout.write(`| Network | dynamo=False | dynamo=True |\n| --- | --- | --- |\n${rows.join('\n')}\n`);
} finally {
  await device.close();
  if (!given) rmSync(folder, { recursive: true });
}
