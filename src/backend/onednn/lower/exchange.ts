import type { Started } from '../../../ops/distributed/exchange.js';
import { communicatorOf, hashOf } from '../../communication/current.js';
import { exchangeOf } from '../../reference/kernels/communicate.js';
import type { OneDnnBuilder } from '../builder.js';
import { arrayAt } from '../library/memory.js';

/**
 * Starts the sum of one float32 tensor over all ranks, in the place of its values: the communication thread works on the
 * plan's own memory. Returns false for several tensors, which are copied into one region.
 */
export function lowerSumStart(b: OneDnnBuilder, i: number): boolean {
  const { inputs, attrs, op, scope } = b.node(i);
  const [x, ...others] = inputs as [number, ...number[]];
  const { ranks, label, even } = attrs as Started;
  const { arena } = b;
  if (!arena?.buffer || others.length > 0) return false;
  if (b.node(x).dtype !== 'float32' || !b.lastReader(x)) return false;
  const layout = even ? ownLayout(b, x, ranks) : undefined;
  const form = layout === undefined ? b.plainForm(x) : b.value(x).forms[0]!;
  // Padding is 0 on all ranks, and so is its sum.
  const exchange = exchangeOf(attrs, 'float32', b.dnnl.bytes(form.md) / 4);
  const out = b.newPlainForm(i);
  b.emit({
    op,
    scope,
    kernel: 'exchange',
    macs: 0,
    touches: [form.region, out.region],
    writes: false,
    script: (at) => {
      const offset = arena.offsetOf(at(form.region));
      const ticket = arrayAt(at(out.region), 'int32', 1);
      return () => {
        const all = communicatorOf(op, ranks);
        if (layout) all.agree(layout, `the memory layout of ${label}`);
        ticket[0] = all.startAt(exchange, arena.buffer!, offset);
      };
    },
  });
  b.define(i, out);
  b.summed.set(i, form);
  return true;
}

/**
 * A hash of the layout of a linear layer's gradient, if all ranks can add in it, which saves two passes over the gradient.
 * The library chooses it by the layer's sizes, the processor and the number of threads; that of a convolution may have
 * been chosen by measuring.
 */
function ownLayout(b: OneDnnBuilder, x: number, ranks: number): Uint8Array | undefined {
  if (b.node(b.sourceOf(x)).op !== 'linearGradWeight' || !communicatorOf('sumStart', ranks).alike())
    return undefined;
  const { dnnl } = b;
  const { dims, md } = b.value(x).forms[0]!;
  if (!dnnl.isBlocked(md) || dnnl.typeOf(md) !== 'float32') return undefined;
  return hashOf(`${dims.join()} ${dnnl.describe(md)} ${dnnl.bytes(md)}`);
}

/** Waits for a sum that {@link lowerSumStart} has started. */
export function lowerSumEnd(b: OneDnnBuilder, i: number): boolean {
  const { inputs, attrs, op, scope } = b.node(i);
  const [start] = inputs as [number];
  const form = b.summed.get(start);
  if (!form) return false;
  const { region } = b.plainForm(start);
  b.emit({
    op,
    scope,
    kernel: 'exchange',
    macs: 0,
    touches: [region, form.region],
    writes: false,
    script: (at) => {
      const ticket = arrayAt(at(region), 'int32', 1);
      return () => communicatorOf(op, attrs.ranks as number).wait(ticket[0]!);
    },
  });
  b.define(i, form);
  return true;
}
