import { after, describe, it } from 'node:test';
import { kernelOf } from '../../../../src/backend/reference/kernels.js';
import {
  localResponseNorm,
  localResponseNormGrad,
} from '../../../../src/backend/simd/norm/local-response.js';
import { KernelMemory, near, numbers } from '../../../support/kernel-memory.js';

const alone = new KernelMemory();
const many = new KernelMemory(3);
after(() => {
  alone.close();
  many.close();
});

describe('local response normalisation', () => {
  for (const [images, channels, area] of [
    [1, 1, 1],
    [2, 7, 9],
    [1, 3, 130],
    [3, 96, 55],
    [0, 3, 4],
  ] as const)
    for (const [size, alpha, beta, k] of [
      [5, 1e-2, 0.75, 2],
      [4, 0.5, 0.5, 1],
      [1, 1, 0.6, 1],
      [9, 0.1, 1, 0.5],
    ] as const)
      it(`of ${images}×${channels}×${area}, size ${size}, beta ${beta}`, () => {
        const shape = [images, channels, area, 1];
        const spec = { shape, dtype: 'float32' } as const;
        const count = images * channels * area;
        const [x, gradient] = [numbers(count).map((value) => 3 * value), numbers(count, 2)];
        const attrs = { size, alpha, beta, k };
        const forward = new Float32Array(count);
        const backward = new Float32Array(count);
        const call = { outputSpec: spec, attrs };
        kernelOf('localResponseNorm')!({ ...call, inputs: [x], specs: [spec], output: forward });
        kernelOf('localResponseNormGrad')!({
          ...call,
          inputs: [gradient, x],
          specs: [spec, spec],
          output: backward,
        });
        for (const memory of [alone, many]) {
          memory.reset();
          const [from, back, y, dx] = [
            memory.put(x),
            memory.put(gradient),
            memory.room(count),
            memory.room(count),
          ];
          const sizes = { images, channels, area, ...attrs };
          memory.run(localResponseNorm(memory.pool, sizes), [from!, y!], [y!, count]);
          near(memory.get(y!, count), forward, 20, 'forward');
          memory.run(localResponseNormGrad(memory.pool, sizes), [back!, from!, dx!], [dx!, count]);
          near(memory.get(dx!, count), backward, 20, 'backward');
        }
      });
});
