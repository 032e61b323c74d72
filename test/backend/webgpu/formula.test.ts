import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isSoftware } from '../../../src/backend/webgpu/adapter.js';
import { renderFormula } from '../../../src/backend/webgpu/kernels/formula.js';
import { functionsFor, literal } from '../../../src/backend/webgpu/kernels/wgsl.js';
import { f } from '../../../src/ops/formula.js';

describe('WGSL text', () => {
  it('writes numbers that the language has, and others as calls', () => {
    assert.deepEqual(
      [1, -2.5, 1e-12, 0, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map(literal),
      [
        '1f',
        '(-2.5f)',
        '9.999999960041972e-13f',
        '0f',
        '(-0f)',
        'notNumber()',
        'infinity()',
        '(-infinity())',
      ],
    );
  });

  it('computes a shared part of a formula once', () => {
    const x = f.exp(f.input(0));
    const { lines, result } = renderFormula(f.add(f.mul(x, x), x), ['in0(i)']);
    assert.equal(lines.match(/expOf/g)?.length, 1);
    assert.equal(result, 't3');
  });

  it('recognises NaN by its bits in comparisons, since a compiler may assume that no value is NaN', () => {
    const [x, y] = [f.input(0), f.input(1)];
    for (const compare of [f.equal, f.less, f.lessEqual]) {
      assert.match(renderFormula(compare(x, y), ['a', 'b']).lines, /&& !isNaN\(t0\) && !isNaN\(t1\)\)/);
      assert.match(renderFormula(compare(x, Number.NaN), ['a']).lines, /isNaN\(t0\) && !isNaN\(notNumber/);
      assert.doesNotMatch(renderFormula(compare(x, 0), ['a']).lines, /isNaN\(0f/);
    }
    assert.match(renderFormula(f.select(x, y, 1), ['a', 'b']).lines, /t0 != 0f \|\| isNaN\(t0\)/);
    assert.doesNotMatch(renderFormula(f.select(f.less(x, 0), y, 1), ['a', 'b']).lines, /\|\|/);
  });

  it('brings the functions that are called, with those that they call', () => {
    const text = functionsFor('let y = tanhOf(x);');
    for (const name of ['tanhOf', 'expOf', 'isNaN', 'infinity'])
      assert.match(text, new RegExp(`fn ${name}\\(`));
    assert.doesNotMatch(text, /fn erfOf/);
  });
});

describe('adapters', () => {
  const info = { vendor: '', architecture: '', device: '', description: '' };
  it('of software are recognised', () => {
    for (const one of [
      { ...info, vendor: 'mesa', description: 'llvmpipe: Mesa 25.0.7 (LLVM 15.0.6)' },
      { ...info, vendor: 'google', architecture: 'swiftshader' },
      { ...info, vendor: 'microsoft', description: 'Microsoft Basic Render Driver' },
      { ...info, isFallbackAdapter: true },
    ])
      assert.equal(isSoftware(one), true, JSON.stringify(one));
    for (const one of [
      { ...info, vendor: 'nvidia', architecture: 'hopper', description: 'NVIDIA H200' },
      { ...info, vendor: 'apple', architecture: 'metal-3' },
      { ...info, vendor: 'intel', architecture: 'xe-lpg' },
      info,
    ])
      assert.equal(isSoftware(one), false, JSON.stringify(one));
  });
});
