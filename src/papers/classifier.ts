import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Device } from '../backend/backend.js';
import { bestDevice } from '../backend/open.js';
import { decodeImage } from '../data/image.js';
import { squareElsewhere } from '../data/images/decode-pool.js';
import type { ImageRules } from '../data/images/rules.js';
import type { Image } from '../data/images/square-image.js';
import { GIVE_IMAGE, readImage } from '../data/read-image.js';
import { applied, type Transform } from '../data/transforms/transform.js';
import { checkOptionNames, checkPath } from '../errors/arguments.js';
import { DeviceError, ShapeError, UsageError } from '../errors/errors.js';
import type { Module } from '../nn/module.js';
import { Generator } from '../random.js';
import type { ModelConfig } from '../run/config.js';
import { tensor } from '../tensor/tensor.js';
import { openModel } from './loading/load.js';
import type { LoadedModel } from './loading/loaded-model.js';
import type { ModelHints } from './recognise.js';

/** A class and its probability, from 0 to 1. */
export interface Guess {
  readonly label: string;
  readonly probability: number;
}

/** The device, and facts about the network that a bare file of weights does not contain. */
export interface ClassifierOptions extends ModelHints {
  /** Default: the fastest device of this machine, which `close` then closes. */
  readonly device?: Device;
}

const OPTIONS = ['device', 'paper', 'preset', 'options', 'classes', 'imageSize'];

/**
 * A trained image classifier in evaluation mode. One batch is one forward pass: classifying many images in one call
 * is faster than one call per image.
 *
 * @example
 * const classifier = await Classifier.open('runs/my-run');
 * const [guesses] = await classifier.classify([await classifier.read('cat.jpg')]);
 * console.log(guesses[0]); // { label: 'cat', probability: 0.93 }
 * await classifier.close();
 */
export class Classifier {
  readonly model: Module;
  /** The name of each class, in the order of the model's outputs. */
  readonly classes: readonly string[];
  /** Side of the square input images, in pixels. */
  readonly imageSize: number;
  /** How image files become the square images that `transform` gets, as in training. */
  readonly rules: ImageRules;
  /** The configuration that the network was built from; with other classes it builds the same network for those. */
  readonly config: ModelConfig;
  /** Turns the bytes of a batch of images into the model's input. */
  readonly transform: Transform;
  readonly device: Device;
  /** For a bare file of weights: what was recognised and what was assumed. */
  readonly notes: readonly string[];
  /**
   * True for an ONNX model that ends in sigmoids: each class has its own probability, and they need not sum to 1.
   * The `model` then returns these probabilities, otherwise logits.
   */
  readonly independent: boolean;
  readonly #owned: boolean;
  readonly #batch: number | undefined;

  private constructor(device: Device, owned: boolean, loaded: LoadedModel) {
    this.device = device;
    this.#owned = owned;
    this.model = loaded.model;
    this.config = loaded.config;
    this.classes = loaded.classes;
    this.rules = loaded.rules;
    this.imageSize = loaded.rules.side;
    this.notes = loaded.notes;
    this.transform = loaded.transform;
    this.#batch = loaded.batch;
    this.independent = loaded.independent ?? false;
  }

  /**
   * @param path a run folder (its best weights) or a file of weights
   * @throws UsageError if the path is neither, CheckpointError if the weights do not fit
   */
  static async open(path: string, options: ClassifierOptions = {}): Promise<Classifier> {
    checkOptionNames('Classifier.open', options, OPTIONS);
    checkPath('Classifier.open', 'path', path);
    const { device: given, ...hints } = options;
    const device = given ?? (await bestDevice());
    try {
      return new Classifier(device, !given, await openModel(path, device, hints));
    } catch (error) {
      if (!given) await device.close();
      throw error;
    }
  }

  /** Reads an image file. @throws DataError if it is missing, is not an image, or is too large */
  read(file: string): Promise<Image> {
    return readImage(file, this.rules);
  }

  /**
   * Decodes an image (JPEG, PNG, WebP, GIF, TIFF, AVIF, BMP or PPM) in worker threads, prepared as in training:
   * upright, alpha dropped, centre square resized to the model's side. The bytes are validated like
   * those of a file.
   *
   * @param options.name name of the image in error messages
   * @param options.maxPixels larger images are refused before decoding; default 2²⁶
   * @throws DataError if the image is incomplete or too large
   */
  decode(
    bytes: Uint8Array,
    { name = 'The image', maxPixels }: { name?: string; maxPixels?: number } = {},
  ): Promise<Image> {
    const { side, orientation } = this.rules;
    return decodeImage(bytes, { name, maxPixels, side, orientation, next: GIVE_IMAGE });
  }

  /**
   * The most probable classes of each image, in descending order.
   *
   * @param images as returned by `read` and `decode`; images of another size are resized in worker threads
   * @param options.top number of classes per image, at most the number of classes; default 5
   * @throws ShapeError if an image's bytes do not match its side, UsageError for an invalid `top`
   */
  async classify(images: readonly Image[], { top = 5 }: { top?: number } = {}): Promise<Guess[][]> {
    if (!Number.isInteger(top) || top < 1)
      throw new UsageError({
        what: 'Images cannot be classified',
        expected: 'a whole number of classes, at least 1, as top',
        got: String(top),
      });
    const n = this.classes.length;
    const at = this.#batch ?? images.length;
    const guesses: Guess[][] = [];
    for (let from = 0; from < images.length; from += at) {
      const some = images.slice(from, from + at);
      const probabilities = await this.#forward(some);
      if (probabilities.some(Number.isNaN))
        throw new DeviceError({
          what: 'The network computes NaN for an image',
          expected: 'a probability for each class',
          got: 'NaN',
          next: 'check its weights, and the numbers that it divides by or takes logarithms of',
        });
      for (const i of some.keys())
        guesses.push(best(probabilities.subarray(i * n, (i + 1) * n), this.classes, top));
    }
    return guesses;
  }

  async #forward(images: readonly Image[]): Promise<Float32Array> {
    const side = this.imageSize;
    const size = 3 * side * side;
    const bytes = new Uint8Array(images.length * size);
    for (const [i, data] of (await fitted(images, side)).entries()) bytes.set(data, i * size);
    const batch = tensor(bytes, { shape: [images.length, 3, side, side] });
    const inputs = applied(this.transform, batch, { generator: new Generator(0) });
    const scores = this.model.forward(inputs);
    return Float32Array.from(await (this.independent ? scores : scores.softmax()).data());
  }

  /** Closes the device, unless the caller provided it. */
  async close(): Promise<void> {
    if (this.#owned) await this.device.close();
  }
}

/** Bytes that are copied to other threads in one turn of the event loop; this takes a few milliseconds. */
const AT_ONCE = 2 ** 23;

/** The images' bytes at the model's size, resized as in training. */
async function fitted(images: readonly Image[], side: number): Promise<ArrayLike<number>[]> {
  for (const [i, { data, side: own }] of images.entries())
    if (data.length !== 3 * own * own)
      throw new ShapeError({
        what: `Image ${i} is not valid`,
        expected: `3 × ${own} × ${own} bytes for a side of ${own}`,
        got: `${data.length} bytes`,
        next: 'read it with the classifier’s read or decode',
      });
  const all: Promise<ArrayLike<number>>[] = [];
  let copied = 0;
  for (const { data, side: own } of images) {
    const square = { data, side: own };
    const scaled =
      own === side ? Promise.resolve(data) : squareElsewhere({ square, side }).then((image) => image.data);
    // Reported below; without this it would count as unhandled while others are still being sent.
    scaled.catch(() => {});
    all.push(scaled);
    copied += own === side ? 0 : data.length;
    if (copied >= AT_ONCE) {
      copied = 0;
      await nextTurn();
    }
  }
  return Promise.all(all);
}

function best(probabilities: Float32Array, classes: readonly string[], count: number): Guess[] {
  return classes
    .map((label, i) => ({ label, probability: probabilities[i]! }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, count);
}
