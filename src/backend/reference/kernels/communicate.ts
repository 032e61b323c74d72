import { dtypeOf, makeArray, type TypedArray } from '../../../graph/types.js';
import { communicatorOf } from '../../communication/current.js';
import type { Exchange, Wire } from '../../communication/protocol.js';
import type { Kernel, KernelCall } from './kernel.js';

/* Exchanges with other ranks: the thread waits here, while the communication thread of its rank does the work. */

/** An exchange that is waited for at once. */
function exchanged(op: string, kind: Exchange['kind']): Kernel {
  return ({ inputs: [x], output, attrs }) => {
    const communicator = communicatorOf(op, attrs.ranks as number);
    const root = kind === 'broadcast' ? { root: attrs.root as number } : {};
    const ticket = communicator.start(
      { kind, dtype: floatType(x!), count: x!.length, label: op, ...root },
      (region) => makeArray(dtypeOf(x!), region, 0, x!.length).set(x! as never),
    );
    output.set(makeArray(dtypeOf(output), communicator.finish(ticket), 0, output.length) as never);
  };
}

const floatType = (values: TypedArray): 'float32' | 'float64' =>
  values instanceof Float64Array ? 'float64' : 'float32';

/** The exchange of a sumStart node. */
export const exchangeOf = (
  { label, wire, scale, paired }: KernelCall['attrs'],
  dtype: 'float32' | 'float64',
  count: number,
): Exchange => ({
  kind: 'sum',
  dtype,
  count,
  label: label as string,
  wire: wire as Wire,
  scale: scale as number,
  paired: paired as boolean,
});

function sumStart({ inputs, output, attrs }: KernelCall): void {
  const count = inputs.reduce((sum, { length }) => sum + length, 0);
  const dtype = floatType(inputs[0]!);
  const communicator = communicatorOf('sumStart', attrs.ranks as number);
  output[0] = communicator.start(exchangeOf(attrs, dtype, count), (region) => {
    let at = 0;
    const all = makeArray(dtype, region, 0, count);
    for (const values of inputs) {
      all.set(values as never, at);
      at += values.length;
    }
  });
}

function sumEnd({ inputs: [ticket], output, attrs }: KernelCall): void {
  const region = communicatorOf('sumEnd', attrs.ranks as number).finish(ticket![0]!);
  const dtype = dtypeOf(output);
  output.set(
    makeArray(dtype, region, (attrs.at as number) * output.BYTES_PER_ELEMENT, output.length) as never,
  );
}

export const communicate: Readonly<Record<string, Kernel>> = {
  allReduce: exchanged('allReduce', 'sum'),
  broadcastFrom: exchanged('broadcastFrom', 'broadcast'),
  allGather: exchanged('allGather', 'gather'),
  reduceScatter: exchanged('reduceScatter', 'scatter'),
  sumStart,
  sumEnd,
};
