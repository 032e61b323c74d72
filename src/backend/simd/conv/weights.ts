import { add, at, div, less, min, mul, type Routine, rem, sub } from '../../../webassembly/terms.js';
import { packPanel } from '../gemm/pack.js';
import { KernelModule } from '../kernel-module.js';

/** `(to, from, offsets, stepI, k, valid)`: packs a panel whose step p begins at `from` plus the p-th integer of a table. */
function packByTable(module: KernelModule, width: number): Routine {
  return module.define(6, (routine, to, from, offsets, stepI, k, valid) => {
    routine.for(0, k, 1, (p) => {
      const source = routine.let(add(from, at(add(offsets, mul(p, 4)))));
      routine.for(0, width, 1, (i) => {
        routine.if(
          less(i, valid),
          () => routine.copy(to, source),
          () => routine.store(to, 0),
        );
        routine.step(to, 4);
        routine.step(source, stepI);
      });
    });
  });
}

/** Arguments of the kernel that packs the weights of all groups. */
export const WEIGHT_ARGS = ['source', 'target', 'offsets', 'stepI', 'count', 'k', 'block', 'group'] as const;

/**
 * A kernel whose pieces are the panels of all groups' weights: number i of step p is at `offsets[p] + i · stepI` bytes; or
 * at `4 · p + i · stepI` if steps are adjacent, which is faster.
 */
export function encodeWeights(width: number, adjacent: boolean, pages: number): Uint8Array<ArrayBuffer> {
  const module = new KernelModule();
  const panel = adjacent ? packPanel(module, width) : packByTable(module, width);
  module.run(WEIGHT_ARGS, (routine, p) => {
    const panels = routine.let(div(add(p.count, width - 1), width));
    routine.for(p.from, p.to, 1, (piece) => {
      const first = routine.let(mul(rem(piece, panels), width));
      const group = routine.let(div(piece, panels));
      const from = routine.let(add(p.source, mul(group, p.group), mul(first, p.stepI)));
      const to = routine.let(add(p.target, mul(mul(group, mul(panels, p.k)), 4 * width)));
      routine.for(0, p.k, p.block, (start) => {
        const k = routine.let(min(p.block, sub(p.k, start)));
        const place = add(to, mul(add(mul(mul(start, panels), width), mul(first, k)), 4));
        const valid = min(width, sub(p.count, first));
        if (adjacent) routine.call(panel, place, add(from, mul(start, 4)), 4, p.stepI, k, valid);
        else routine.call(panel, place, from, add(p.offsets, mul(start, 4)), p.stepI, k, valid);
      });
    });
  });
  return module.encodeFor(pages);
}
