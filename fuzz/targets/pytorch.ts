import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bufferSource } from '../../src/files/byte-source.js';
import { countOf, widthOf } from '../../src/interop/numbers.js';
import { torchAllowList } from '../../src/interop/pytorch/allow-list.js';
import { unpickle } from '../../src/interop/pytorch/pickle.js';
import { pickleProblem } from '../../src/interop/pytorch/read.js';
import { findStateDict } from '../../src/interop/pytorch/state-dict.js';
import { openWeights } from '../../src/interop/weights.js';
import { must, type Target } from '../target.js';
import { anyDictionary, FORBIDDEN, PARTS, PICKLES, patched } from './pickle-grammar.js';

/** Files written by PyTorch, and files that must be rejected. */
const FILES = fileURLToPath(new URL('../../../test/fixtures/weights/', import.meta.url));
const MOST = 4096;

const filesIn = (folder: string): Uint8Array[] =>
  readdirSync(join(FILES, folder))
    .filter((name) => name.endsWith('.pth'))
    .map((name) => Uint8Array.from(readFileSync(join(FILES, folder, name))))
    .filter(({ length }) => length <= MOST);

export const pytorchTargets: readonly Target[] = [
  {
    name: 'pytorch-file',
    format: 'bytes',
    most: MOST,
    seeds: () => ['torch-2.15', 'torch-1.13', 'bad'].flatMap(filesIn),
    words: [
      ...PARTS,
      'PK\u0003\u0004',
      'PK\u0001\u0002',
      'PK\u0005\u0006',
      'data.pkl',
      'data/0',
      'byteorder',
    ],
    // Bytes are replaced and not inserted, since the directory of a zip file contains the positions of its records.
    reshape: (input, random) => patched(input, random, false),
    async run(input) {
      const file = await openWeights(bufferSource('w.pth', input));
      let bytes = 0;
      for (const [tensor, info] of file.tensors) {
        const { dtype, shape, data } = await file.read(tensor);
        must(
          dtype === info.dtype && data.length === countOf({ shape }),
          'a tensor of another size than its shape',
        );
        bytes += data.byteLength;
      }
      must(bytes <= 4 * input.length + 2 ** 24, 'tensors out of proportion to the file');
      return `${file.format}, ${Math.min(file.tensors.size, 3)} tensors`;
    },
  },
  {
    name: 'pickle',
    format: 'bytes',
    most: 1024,
    seeds: () => PICKLES,
    words: PARTS,
    reshape: (input, random) =>
      random.integer(2) === 0 ? anyDictionary(random) : patched(input, random, true),
    run(input) {
      const forbidden = new Set(FORBIDDEN.map(([module, attribute]) => `${module}.${attribute}`));
      const allowed = torchAllowList((key, dtype, count) => {
        must(count <= 2 ** 53, 'a storage of no size');
        return { key, dtype, first: 0, count: Math.min(count, 6), bytes: async (into) => void into.fill(0) };
      });
      try {
        const { value, end } = unpickle(input, {
          global(module, attribute) {
            const found = allowed.global(module, attribute);
            must(!forbidden.has(`${module}.${attribute}`), `${module}.${attribute} was resolved`);
            // Globals must resolve to our own objects, never to JavaScript functions.
            must(typeof found === 'object' && found !== null, 'a global that is not an object');
            return found;
          },
          persistent: (id) => allowed.persistent(id),
        });
        must(end <= input.length, 'a pickle that ends beyond its bytes');
        const { tensors } = findStateDict('w.pth', value);
        for (const tensor of tensors.values())
          must(countOf(tensor) * widthOf(tensor) < 2 ** 53, 'a tensor of no size');
        return `${Math.min(tensors.size, 2)} tensors`;
      } catch (error) {
        throw pickleProblem('p.pth', error);
      }
    },
  },
];
