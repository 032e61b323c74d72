import { Alg } from './api/dnnl.js';

const ACTIVATION: Readonly<Record<string, { alg: number; fromDst: number }>> = {
  relu: { alg: Alg.relu, fromDst: Alg.reluFromDst },
  leakyRelu: { alg: Alg.relu, fromDst: Alg.reluFromDst },
  tanh: { alg: Alg.tanh, fromDst: Alg.tanhFromDst },
  sigmoid: { alg: Alg.logistic, fromDst: Alg.logisticFromDst },
};

export const isActivation = (op: string): boolean => Object.hasOwn(ACTIVATION, op);

/** oneDNN's algorithm for an activation, and the algorithm that computes the gradient from the activation's result. */
export const activationOf = (op: string) => ACTIVATION[op.replace(/Grad$/, '')]!;
