import { checkBooleans, checkNumber, checkOptionNames, shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import * as ops from '../../ops/index.js';
import { Tensor } from '../../tensor/tensor.js';
import { nodeOf } from '../arguments.js';
import { Module } from '../module.js';
import { cosineSimilarity } from './functions.js';

/** Options of {@link PairwiseDistance}, with PyTorch's defaults. */
export interface PairwiseDistanceOptions {
  /** The p of the norm; 2 by default. */
  p?: number;
  /** Added to each difference; 1e-6 by default. */
  eps?: number;
  keepDims?: boolean;
}

function checkDistance(owner: string, options: PairwiseDistanceOptions): Required<PairwiseDistanceOptions> {
  checkOptionNames(owner, options, ['p', 'eps', 'keepDims']);
  const { p = 2, eps = 1e-6, keepDims = false } = options;
  if (typeof p !== 'number' || Number.isNaN(p))
    throw new UsageError({ what: `${owner} got a bad p`, expected: 'a number', got: shown(p) });
  checkNumber(owner, 'eps', eps, { expected: 'a number' });
  checkBooleans(owner, { keepDims });
  return { p, eps, keepDims };
}

/** The norm of x − y + eps over the last axis: [N, D] → [N]. The shapes broadcast. */
export function pairwiseDistance(x: Tensor, y: Tensor, options: PairwiseDistanceOptions = {}): Tensor {
  const { p, eps, keepDims } = checkDistance('pairwiseDistance', options);
  const [a, b] = [nodeOf('pairwiseDistance', x), nodeOf('pairwiseDistance', y)];
  return new Tensor(ops.norm(ops.affine(ops.sub(a, b), { scale: 1, shift: eps }), p, [-1], keepDims));
}

/** {@link pairwiseDistance} as a layer. */
export class PairwiseDistance extends Module {
  readonly options: Required<PairwiseDistanceOptions>;

  constructor(options: PairwiseDistanceOptions = {}) {
    super();
    this.options = checkDistance('PairwiseDistance', options);
  }

  forward(x: Tensor, y: Tensor): Tensor {
    return this.scoped(() => pairwiseDistance(x, y, this.options));
  }
}

/** {@link cosineSimilarity} as a layer. */
export class CosineSimilarity extends Module {
  readonly dim: number;
  readonly eps: number;

  constructor(options: { dim?: number; eps?: number } = {}) {
    super();
    checkOptionNames('CosineSimilarity', options, ['dim', 'eps']);
    const { dim = 1, eps = 1e-8 } = options;
    if (!Number.isSafeInteger(dim))
      throw new UsageError({
        what: 'CosineSimilarity got a bad dim',
        expected: 'an integer',
        got: shown(dim),
      });
    checkNumber('CosineSimilarity', 'eps', eps, { least: 0, expected: 'a number of at least 0' });
    this.dim = dim;
    this.eps = eps;
  }

  forward(x: Tensor, y: Tensor): Tensor {
    return this.scoped(() => cosineSimilarity(x, y, { dim: this.dim, eps: this.eps }));
  }
}
