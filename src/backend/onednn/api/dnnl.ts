import { Alg, type ConvGeometry, type Dims, type Handle, type Md, type PostOp, Prop } from './constants.js';
import { DnnlCore } from './core.js';

export * from './constants.js';

const USE_GLOBAL_STATS = 1;
/**
 * A batch normalisation whose threads synchronise by busy waiting, up to six times per block of channels: if the system
 * preempts one thread, the others spin until it runs again. `bnorm_tbb_jit`, made for other thread libraries, uses
 * separate parallel loops instead and is as fast.
 */
const SPINNING = 'bnorm_jit';

/** Strides, dilations and paddings, in the parameter order of all window operations. */
const window = (g: ConvGeometry): Dims[] => [g.strides, g.dilates, g.padLeft, g.padRight];

/**
 * oneDNN's primitives: each method creates a primitive descriptor, and throws Unimplemented if the library has no
 * implementation. Calls follow version 3; v2.ts translates them for version 2.
 */
export abstract class Dnnl extends DnnlCore {
  /** Flags that make normalisations use a scale and a shift. */
  protected abstract readonly scaleAndShift: number;
  /** Whether the gradient of batch normalisation needs the scale, the shift, or both, as argument indices. */
  abstract readonly batchNormGradInputs: readonly number[];

  /** The constant of an elementwise algorithm in this version. */
  protected eltwiseAlg(alg: number): number {
    return alg;
  }

  convForward(
    prop: number,
    alg: number,
    src: Md,
    weights: Md,
    bias: Md | null,
    dst: Md,
    g: ConvGeometry,
    postOps: readonly PostOp[] = [],
  ): Handle {
    const args = [prop, alg, src, weights, bias, dst, ...window(g)];
    return this.pd('convolution_forward', 'int, int, md, md, md, md, dims, dims, dims, dims', args, {
      postOps,
    });
  }

  convBackwardData(
    alg: number,
    diffSrc: Md,
    weights: Md,
    diffDst: Md,
    g: ConvGeometry,
    hint: Handle,
  ): Handle {
    const args = [alg, diffSrc, weights, diffDst, ...window(g)];
    return this.pd('convolution_backward_data', 'int, md, md, md, dims, dims, dims, dims', args, {
      hint,
    });
  }

  convBackwardWeights(
    alg: number,
    src: Md,
    diffWeights: Md,
    diffBias: Md | null,
    diffDst: Md,
    g: ConvGeometry,
    hint: Handle,
  ): Handle {
    const args = [alg, src, diffWeights, diffBias, diffDst, ...window(g)];
    return this.pd('convolution_backward_weights', 'int, md, md, md, md, dims, dims, dims, dims', args, {
      hint,
    });
  }

  innerProductForward(
    prop: number,
    src: Md,
    weights: Md,
    bias: Md | null,
    dst: Md,
    postOps: readonly PostOp[] = [],
  ): Handle {
    return this.pd('inner_product_forward', 'int, md, md, md, md', [prop, src, weights, bias, dst], {
      postOps,
    });
  }

  innerProductBackwardData(diffSrc: Md, weights: Md, diffDst: Md, hint: Handle): Handle {
    return this.pd('inner_product_backward_data', 'md, md, md', [diffSrc, weights, diffDst], { hint });
  }

  innerProductBackwardWeights(
    src: Md,
    diffWeights: Md,
    diffBias: Md | null,
    diffDst: Md,
    hint: Handle,
  ): Handle {
    return this.pd(
      'inner_product_backward_weights',
      'md, md, md, md',
      [src, diffWeights, diffBias, diffDst],
      { hint },
    );
  }

  poolForward(prop: number, alg: number, src: Md, dst: Md, kernel: Dims, g: ConvGeometry): Handle {
    const args = [prop, alg, src, dst, ...windowWith(kernel, g)];
    return this.pd('pooling_forward', 'int, int, md, md, dims, dims, dims, dims, dims', args);
  }

  poolBackward(alg: number, diffSrc: Md, diffDst: Md, kernel: Dims, g: ConvGeometry, hint: Handle): Handle {
    const args = [alg, diffSrc, diffDst, ...windowWith(kernel, g)];
    return this.pd('pooling_backward', 'int, md, md, dims, dims, dims, dims, dims', args, { hint });
  }

  lrnForward(prop: number, data: Md, size: number, alpha: number, beta: number, k: number): Handle {
    const args = [prop, Alg.lrnAcrossChannels, data, data, size, alpha, beta, k];
    return this.pd('lrn_forward', 'int, int, md, md, int64_t, float, float, float', args);
  }

  lrnBackward(
    diffData: Md,
    data: Md,
    size: number,
    alpha: number,
    beta: number,
    k: number,
    hint: Handle,
  ): Handle {
    const args = [Alg.lrnAcrossChannels, diffData, diffData, data, size, alpha, beta, k];
    return this.pd('lrn_backward', 'int, md, md, md, int64_t, float, float, float', args, { hint });
  }

  batchNormForward(data: Md, eps: number, givenStatistics: boolean): Handle {
    const flags = this.scaleAndShift | (givenStatistics ? USE_GLOBAL_STATS : 0);
    const prop = givenStatistics ? Prop.forwardInference : Prop.forwardTraining;
    return this.pd(
      'batch_normalization_forward',
      'int, md, md, float, uint',
      [prop, data, data, eps, flags],
      {
        shunned: givenStatistics ? undefined : SPINNING,
      },
    );
  }

  batchNormBackward(diffData: Md, data: Md, eps: number, hint: Handle): Handle {
    const args = [Prop.backward, diffData, diffData, data, eps, this.scaleAndShift];
    return this.pd('batch_normalization_backward', 'int, md, md, md, float, uint', args, {
      hint,
      shunned: SPINNING,
    });
  }

  /**
   * Normalises the last dimension.
   * @param statistics descriptor of means and variances
   * @param scaled whether the result is multiplied by a scale, to which a shift is added
   */
  layerNormForward(data: Md, statistics: Md, eps: number, scaled: boolean): Handle {
    const args = [Prop.forwardTraining, data, data, statistics, eps, scaled ? this.scaleAndShift : 0];
    return this.pd('layer_normalization_forward', 'int, md, md, md, float, uint', args);
  }

  /** @param scaled whether the gradients of scale and shift are computed too */
  layerNormBackward(data: Md, statistics: Md, eps: number, scaled: boolean): Handle {
    const [prop, flags] = scaled ? [Prop.backward, this.scaleAndShift] : [Prop.backwardData, 0];
    const args = [prop, data, data, data, statistics, eps, flags];
    const hint = this.layerNormForward(data, statistics, eps, scaled);
    return this.pd('layer_normalization_backward', 'int, md, md, md, md, float, uint', args, { hint });
  }

  /** Softmax along an axis. */
  softmaxForward(data: Md, axis: number): Handle {
    return this.#softmax(Prop.forwardInference, data, axis);
  }

  /** dx = y · (dy − Σ y · dy) along an axis. @param data descriptor of all three */
  softmaxBackward(data: Md, axis: number): Handle {
    const hint = this.#softmax(Prop.forwardTraining, data, axis);
    return this.pd('softmax_backward', 'int, md, md, md, int', [Alg.softmax, data, data, data, axis], {
      hint,
    });
  }

  #softmax(prop: number, data: Md, axis: number): Handle {
    return this.pd('softmax_forward', 'int, int, md, md, int', [prop, Alg.softmax, data, data, axis]);
  }

  /** Products of a batch of matrices. */
  matmul(src: Md, weights: Md, dst: Md): Handle {
    return this.pd('matmul', 'md, md, md, md', [src, weights, null, dst]);
  }

  eltwiseForward(alg: number, data: Md, alpha: number, beta: number): Handle {
    const args = [Prop.forwardTraining, this.eltwiseAlg(alg), data, data, alpha, beta];
    return this.pd('eltwise_forward', 'int, int, md, md, float, float', args);
  }

  eltwiseBackward(alg: number, diffData: Md, data: Md, alpha: number, beta: number, hint: Handle): Handle {
    const args = [this.eltwiseAlg(alg), diffData, diffData, data, alpha, beta];
    return this.pd('eltwise_backward', 'int, md, md, md, float, float', args, { hint });
  }

  binary(alg: number, src0: Md, src1: Md, dst: Md, postOps: readonly PostOp[] = []): Handle {
    return this.pd('binary', 'int, md, md, md', [alg, src0, src1, dst], { postOps });
  }
}

const windowWith = (kernel: Dims, g: ConvGeometry): Dims[] => [
  g.strides,
  kernel,
  g.dilates,
  g.padLeft,
  g.padRight,
];
