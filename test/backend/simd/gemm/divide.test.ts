import assert from 'node:assert/strict';
import { it } from 'node:test';
import { divide } from '../../../../src/backend/simd/gemm/divide.js';
import { KernelPool } from '../../../../src/backend/simd/pool.js';
import { sharedMemory } from '../../../support/kernel-memory.js';

const dense = (columns: number) => ({ row: columns, column: 1 });

it('large products are divided so that all threads compute about as much', () => {
  for (const threads of [2, 3, 4]) {
    const pool = new KernelPool(sharedMemory(1), 1, threads, () => ({ stop: () => {} }));
    for (const tile of [
      { rows: 4, columns: 8, fused: false },
      { rows: 6, columns: 8, fused: true },
    ])
      for (const [m, n, k] of [
        [1440, 1440, 1440],
        [2048, 2048, 2048],
        [4160, 96, 96],
        [1000, 3000, 500],
      ] as const) {
        const { rows, columns } = divide(pool, { m, n, k, a: dense(k), b: dense(n), c: dense(n) }, tile);
        const pieces = Math.ceil(m / rows) * Math.ceil(n / columns);
        const most = Math.ceil(pieces / threads) * rows * columns;
        const share = (most * threads) / (m * n);
        assert.ok(share <= 1.05, `${m} × ${n} on ${threads} threads: ${pieces} pieces, ${share.toFixed(2)}`);
      }
  }
});
