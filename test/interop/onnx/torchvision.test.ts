import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDevice } from '../../../src/backend/open.js';
import { EXPORTERS, exportClassifiers, logitsApart } from '../../support/torchvision.js';

/* Small torchvision classifiers, from both exporters; `bench/torchvision.ts` measures all of them. */

const python = process.env.PAPERWEIGHT_TORCH_PYTHON;
const skip = python
  ? false
  : 'PAPERWEIGHT_TORCH_PYTHON names no Python with torch, torchvision and onnxscript';

test('torchvision’s small classifiers have PyTorch’s logits on the fast device', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'torchvision-'));
  const { device } = await openDevice('auto');
  try {
    const names = ['squeezenet1_1', 'mobilenet_v3_small'];
    exportClassifiers(python!, folder, names);
    for (const name of names)
      for (const exporter of EXPORTERS) {
        const apart = await logitsApart(folder, name, exporter, device);
        t.diagnostic(`${name}, ${exporter}: ${apart.toExponential(1)}`);
        assert.ok(apart <= 2e-5, `${name}, ${exporter}: ${apart}`);
      }
  } finally {
    await device.close();
    rmSync(folder, { recursive: true });
  }
});
