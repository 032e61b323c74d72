import { type Principal, principalComponents } from './pca.js';

/** Statistics of the training images for `subtractMean` and `colourShift`. */
export interface ImageStatistics {
  /** Number of images. */
  readonly count: number;
  /** Mean image, 3 × H × W values from 0 to 255. */
  readonly mean: Float32Array;
  readonly shape: readonly [channels: number, height: number, width: number];
  /** Principal components of the RGB values of all pixels, scaled to [0, 1]. */
  readonly colours: Principal;
}

/** Pairs of channels, in the order of `products`. */
const PAIRS = [
  [0, 0],
  [0, 1],
  [0, 2],
  [1, 1],
  [1, 2],
  [2, 2],
] as const;

/**
 * Sums over RGB images of bytes. They are integers that a double represents exactly (up to 2 million images of
 * 256 × 256), so the result depends neither on the order of the images nor on interruptions.
 */
export class ImageSums {
  count = 0;
  /** Sum of each value, 3 × H × W. */
  readonly bytes: Float64Array;
  /** Sums of R·R, R·G, R·B, G·G, G·B and B·B over all pixels. */
  readonly products = new Float64Array(PAIRS.length);

  constructor(readonly shape: readonly [channels: number, height: number, width: number]) {
    this.bytes = new Float64Array(shape[0] * shape[1] * shape[2]);
  }

  /** @param image 3 × H × W bytes */
  add(image: Uint8Array): void {
    const { bytes, products } = this;
    const plane = bytes.length / 3;
    let [rr, rg, rb, gg, gb, bb] = [0, 0, 0, 0, 0, 0];
    for (let i = 0; i < plane; i++) {
      const r = image[i]!;
      const g = image[plane + i]!;
      const b = image[2 * plane + i]!;
      bytes[i]! += r;
      bytes[plane + i]! += g;
      bytes[2 * plane + i]! += b;
      rr += r * r;
      rg += r * g;
      rb += r * b;
      gg += g * g;
      gb += g * b;
      bb += b * b;
    }
    [rr, rg, rb, gg, gb, bb].forEach((sum, i) => {
      products[i]! += sum;
    });
    this.count++;
  }

  result(): ImageStatistics {
    const { count, bytes, products } = this;
    const plane = bytes.length / 3;
    const pixels = count * plane;
    const means = [0, 1, 2].map(
      (c) => bytes.subarray(c * plane, (c + 1) * plane).reduce((sum, x) => sum + x, 0) / pixels,
    );
    const covariance = means.map(() => [0, 0, 0]);
    for (const [k, [i, j]] of PAIRS.entries()) {
      const value = (products[k]! / pixels - means[i]! * means[j]!) / 255 ** 2;
      covariance[i]![j] = value;
      covariance[j]![i] = value;
    }
    return {
      count,
      mean: Float32Array.from(bytes, (sum) => sum / count),
      shape: this.shape,
      colours: principalComponents(covariance),
    };
  }
}
