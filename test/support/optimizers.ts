import type { Device } from '../../src/backend/backend.js';
import * as optim from '../../src/optim/index.js';
import { Parameter } from '../../src/tensor/parameter.js';
import { type Tensor, tensor } from '../../src/tensor/tensor.js';

/** A case of optimizers.json. */
export interface OptimizerCase {
  readonly name: string;
  readonly optimizer: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly lrs: readonly number[];
  /** Steps, from 0, in which b has no gradient. */
  readonly skips: readonly number[];
  readonly start: readonly (readonly number[])[];
  readonly grads: readonly (readonly (readonly number[])[])[];
  readonly params: readonly (readonly (readonly number[])[])[];
}

/** All optimizers by name. */
export const KINDS: Readonly<
  Record<string, new (params: optim.Parameters, options: never) => optim.Optimizer>
> = {
  SGD: optim.SGD,
  Adam: optim.Adam,
  AdamW: optim.AdamW,
  Adamax: optim.Adamax,
  NAdam: optim.NAdam,
  RAdam: optim.RAdam,
  RMSprop: optim.RMSprop,
  Adagrad: optim.Adagrad,
  Adadelta: optim.Adadelta,
  LARS: optim.LARS,
  LAMB: optim.LAMB,
};

/** One step of a case, with the gradients of the fixture. */
export function stepWith(
  optimizer: optim.Optimizer,
  parameters: readonly Parameter[],
  { grads, lrs, skips }: OptimizerCase,
  t: number,
): void {
  optimizer.paramGroups[0]!.lr = lrs[t]!;
  optimizer.zeroGrad();
  const used = parameters.filter((_, i) => i === 0 || !skips.includes(t));
  const terms = used.map((p, i): Tensor => {
    const values = Float64Array.from(grads[t]![i]!, Math.fround);
    return p.mul(tensor(values, { shape: p.shape, dtype: p.dtype })).sum();
  });
  terms.reduce((a, b) => a.add(b)).backward();
  optimizer.step();
}

/** The values of both parameters after each step. */
export async function optimizerPath(
  one: OptimizerCase,
  device: Device,
  dtype: 'float32' | 'float64',
): Promise<number[][][]> {
  const parameters: Parameter[] = [];
  for (const start of one.start) {
    const values = dtype === 'float64' ? Float64Array.from(start, Math.fround) : Float32Array.from(start);
    const parameter = new Parameter(values, [start.length]);
    await parameter.place(device);
    parameters.push(parameter);
  }
  const optimizer = new KINDS[one.optimizer]!(parameters, one.options as never);
  const path: number[][][] = [];
  for (const t of one.lrs.keys()) {
    stepWith(optimizer, parameters, one, t);
    path.push([[...(await parameters[0]!.data())], [...(await parameters[1]!.data())]]);
  }
  return path;
}
