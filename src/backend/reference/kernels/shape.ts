import { stridesOf } from '../../../graph/types.js';
import { copy, type Kernel, type KernelCall } from './kernel.js';

/** Writes the output in order; `strides` are the input's strides for each output dimension. */
function gather(
  { inputs: [x], output, outputSpec: { shape } }: KernelCall,
  strides: readonly number[],
): void {
  const rank = shape.length;
  const inner = rank > 0 ? shape[rank - 1]! : 1;
  const step = rank > 0 ? strides[rank - 1]! : 0;
  const counter = shape.map(() => 0);
  for (let at = 0, from = 0; at < output.length; at += inner) {
    for (let i = 0; i < inner; i++) output[at + i] = x![from + i * step]!;
    for (let d = rank - 2; d >= 0; d--) {
      from += strides[d]!;
      if (++counter[d]! < shape[d]!) break;
      counter[d] = 0;
      from -= strides[d]! * shape[d]!;
    }
  }
}

const permute: Kernel = (call) => {
  const strides = stridesOf(call.specs[0]!.shape);
  gather(
    call,
    (call.attrs.axes as readonly number[]).map((axis) => strides[axis]!),
  );
};

const broadcastTo: Kernel = (call) => {
  const { shape } = call.specs[0]!;
  const strides = stridesOf(shape);
  const lead = call.outputSpec.shape.length - shape.length;
  gather(
    call,
    call.outputSpec.shape.map((_, d) => (d < lead || shape[d - lead] === 1 ? 0 : strides[d - lead]!)),
  );
};

export const shape: Readonly<Record<string, Kernel>> = { reshape: copy, permute, broadcastTo };
