import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  Alg,
  Arg,
  type Dnnl,
  type DnnlType,
  type Handle,
  type Md,
  Prop,
  Query,
  Unimplemented,
} from '../../../src/backend/onednn/api/dnnl.js';
import { allocate, type Block, view } from '../../../src/backend/onednn/library/memory.js';
import { openDnnl } from '../../../src/backend/onednn/library/open.js';

const ONE = 0x3f80;
const same = { strides: [1, 1], dilates: [0, 0], padLeft: [1, 1], padRight: [1, 1] };

describe('oneDNN’s bindings', () => {
  let d: Dnnl;
  const blocks: Block[] = [];
  before(() => {
    d = openDnnl();
  });
  after(() => {
    for (const block of blocks) block.free();
    d.close();
  });

  it('describe layouts and know their sizes', () => {
    const plain = d.plain([2, 3, 4, 5]);
    assert.deepEqual(d.dims(plain), [2, 3, 4, 5]);
    assert.equal(d.describe(plain), 'abcd');
    assert.equal(d.bytes(plain), 480);
    assert.equal(d.bytes(d.plain([2, 3, 4, 5], 'bfloat16')), 240);
    assert.equal(d.describe(d.plain([2, 3, 4, 5], 'float32', [60, 1, 15, 3])), 'acdb');
    assert.ok(d.equal(plain, d.plain([2, 3, 4, 5])));
    assert.ok(!d.equal(plain, d.plain([2, 3, 5, 4])));
    assert.deepEqual(d.dims(d.plain([])), [1]);
    assert.ok(d.isBlocked(plain));
    assert.ok(!d.isBlocked(d.any([2, 3, 4, 5])));
    assert.equal(d.describe(d.any([2, 3, 4, 5])), 'private');
  });

  it('read what a primitive has chosen, and that it has no workspace', () => {
    const [x, w] = [d.any([1, 16, 8, 8]), d.any([16, 16, 3, 3])];
    const pd = d.convForward(Prop.forwardTraining, 1, x, w, null, d.any([1, 16, 8, 8]), same);
    const src = d.query(pd, Query.src)!;
    assert.deepEqual(d.dims(src), [1, 16, 8, 8]);
    assert.match(d.describe(src), /^[a-d]{4}(\d+[a-d])*$/);
    assert.equal(d.query(pd, Query.workspace), null);
    d.destroyPds();
    // The copy must stay valid after its primitive descriptor is freed.
    assert.deepEqual(d.dims(src), [1, 16, 8, 8]);
  });

  /** A row-major descriptor with memory full of ones. */
  function ones(dims: readonly number[], type: DnnlType): { md: Md; block: Block } {
    const md = d.plain(dims, type);
    const block = allocate(d.bytes(md));
    blocks.push(block);
    new Uint16Array(view(block.address, block.bytes)).fill(ONE);
    return { md, block };
  }

  function run(pd: Handle, args: readonly (readonly [number, { md: Md; block: Block }])[]): void {
    const primitive = d.primitive(pd);
    const scratch = d.query(pd, Query.scratchpad);
    const all = [...args];
    if (scratch) {
      blocks.push(allocate(d.bytes(scratch)));
      all.push([Arg.scratchpad, { md: scratch, block: blocks.at(-1)! }]);
    }
    d.execute(primitive, d.args(all.map(([arg, { md, block }]) => [arg, d.memory(md, block.address)])));
    d.destroyPrimitive(primitive);
    d.destroyPds();
  }

  const bfloat16 = (block: Block): number[] =>
    Array.from(
      new Float32Array(
        Uint32Array.from(new Uint16Array(view(block.address, block.bytes)), (v) => v << 16).buffer,
      ),
    );

  /** Skips on CPUs for which oneDNN has no bfloat16 implementation. */
  const orSkip = (t: { skip(why: string): void }, body: () => void): void => {
    try {
      body();
    } catch (error) {
      if (!(error instanceof Unimplemented)) throw error;
      t.skip('oneDNN does not compute in bfloat16 on this processor');
    }
  };

  it('compute convolutions in bfloat16', (t) =>
    orSkip(t, () => {
      const [x, w, b, y] = [[1, 4, 3, 3], [2, 4, 3, 3], [2], [1, 2, 3, 3]].map((dims) =>
        ones(dims, 'bfloat16'),
      );
      const pd = d.convForward(Prop.forwardTraining, 1, x!.md, w!.md, b!.md, y!.md, same);
      run(pd, [
        [Arg.src, x!],
        [Arg.weights, w!],
        [Arg.bias, b!],
        [Arg.dst, y!],
      ]);
      // 4 channels × the number of neighbours inside of the image, plus the bias.
      const plane = [4, 6, 4, 6, 9, 6, 4, 6, 4].map((n) => 4 * n + 1);
      assert.deepEqual(bfloat16(y!.block), [...plane, ...plane]);
    }));

  it('compute inner products in bfloat16, with an activation', (t) =>
    orSkip(t, () => {
      const [x, w, y] = [
        [2, 8],
        [3, 8],
        [2, 3],
      ].map((dims) => ones(dims, 'bfloat16'));
      const clip = { kind: 'eltwise', alg: Alg.clip, alpha: 0, beta: 5 } as const;
      const pd = d.innerProductForward(Prop.forwardTraining, x!.md, w!.md, null, y!.md, [clip]);
      run(pd, [
        [Arg.src, x!],
        [Arg.weights, w!],
        [Arg.dst, y!],
      ]);
      assert.deepEqual(bfloat16(y!.block), [5, 5, 5, 5, 5, 5]);
    }));
});
