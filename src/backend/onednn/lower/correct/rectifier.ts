import { sizeOf } from '../../../../graph/types.js';
import { Arg, type Handle } from '../../api/dnnl.js';
import type { OneDnnBuilder } from '../../builder.js';
import type { Form } from '../../ir.js';
import { view } from '../../library/memory.js';
import { execute } from './correction.js';
import { boundOf, setBound } from './magnitude.js';

/** A product with weights, of whose result the primitive takes ReLU. */
export interface Rectified {
  /** The product's node, and that of the activation. */
  readonly nodes: readonly [product: number, activation: number];
  /** Forms of inputs, weights, perhaps the bias, and the result, with the primitive's arguments. */
  readonly operands: readonly (readonly [arg: number, form: Form])[];
  /** The same primitive without ReLU. */
  readonly make: () => Handle;
}

/** Sums up to this, with room for what Winograd's transform adds, do not leave the range of float32. */
const MOST = 1e34;
/** A bound of inputs up to which the sums of ordinary weights are in range. */
const ORDINARY = 1e20;

/**
 * The library's ReLU of NaN is 0. Adds steps that find out whether the product may be NaN, which bounds of its inputs tell,
 * and then compute it without ReLU, and its ReLU here.
 */
export function correctRectified(b: OneDnnBuilder, { nodes, operands, make }: Rectified): void {
  const [product, activation] = nodes;
  const { inputs, op, scope } = b.node(product);
  const [x, w, bias] = inputs.map((input) => boundOf(b, product, input, ORDINARY));
  const terms = sizeOf(b.node(inputs[1]!).shape.slice(1));
  const most = (): number => x!() * w!() * terms + (bias?.() ?? 0);
  setBound(b, activation, () => {
    const bound = most();
    return bound < MOST ? bound : Number.NaN;
  });
  const out = operands.find(([arg]) => arg === Arg.dst)![1];
  b.emit({
    op,
    scope,
    kernel: 'corrected',
    macs: 0,
    touches: operands.map(([, { region }]) => region),
    writes: false,
    script: (at) => () => {
      if (most() < MOST) return;
      execute(
        b,
        make(),
        operands.map(([arg, { md, region }]) => [arg, md, at(region)] as const),
      );
      rectify(b, out, at(out.region));
    },
  });
}

/** Numbers that are viewed at a time: a view has a maximum size. */
const VIEWED = 2 ** 26;

/** Replaces negative numbers by 0; NaN stays NaN. */
function rectify(b: OneDnnBuilder, { md, region }: Form, address: number): void {
  const half = b.dnnl.typeOf(md) === 'bfloat16';
  const width = half ? 2 : 4;
  // Bits of −∞; those of negative NaN are above.
  const last = half ? 0xff80 : 0xff800000;
  const [first, count] = [half ? 0x8000 : 0x80000000, region.bytes / width];
  for (let at = 0; at < count; at += VIEWED) {
    const some = Math.min(VIEWED, count - at);
    const from = address + at * width;
    const bits = new (half ? Uint16Array : Uint32Array)(view(from, width * some));
    for (let k = 0; k < some; k++) if (bits[k]! >= first && bits[k]! <= last) bits[k] = 0;
  }
}
