import type { Device } from '../backend/backend.js';
import { bestDevice } from '../backend/open.js';
import { referenceDevice } from '../backend/reference/index.js';
import { decodePicture, type Picture } from '../data/picture.js';
import { readPicture } from '../data/read-picture.js';
import { resize, type Transform } from '../data/transforms/index.js';
import { ShapeError, UsageError } from '../errors.js';
import { buildGraph } from '../graph/graph.js';
import type { Module } from '../nn/module.js';
import { Generator } from '../random.js';
import { tensor } from '../tensor/tensor.js';
import type { ModelConfig } from '../train/config.js';
import { type LoadedModel, openModel } from './load.js';
import type { ModelHints } from './recognise.js';

/** A class and how probable it is, from 0 to 1. */
export interface Guess {
  readonly label: string;
  readonly probability: number;
}

/** Where it computes, and what a bare file of weights does not tell of its network. */
export interface ClassifierOptions extends ModelHints {
  /** The fastest device of this machine unless given, which `close` then closes. */
  readonly device?: Device;
}

/** Most pixels of a picture that `decode` takes. */
const MAX_PIXELS = 2 ** 26;

/**
 * A trained model that names what is in pictures. It is in evaluation mode, and one batch is one forward pass: many
 * pictures together take less time than one after another.
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
  /** Side of the pictures that the model looks at. */
  readonly imageSize: number;
  /** What the network was built from; with other classes it builds the same one for them. */
  readonly config: ModelConfig;
  /** From the bytes of a batch of pictures to the model's input. */
  readonly transform: Transform;
  readonly device: Device;
  /** Of a bare file of weights: what was recognised, and what had to be assumed. */
  readonly notes: readonly string[];
  readonly #owned: boolean;

  private constructor(device: Device, owned: boolean, loaded: LoadedModel) {
    this.device = device;
    this.#owned = owned;
    this.model = loaded.model;
    this.config = loaded.config;
    this.classes = loaded.classes;
    this.imageSize = loaded.pictureSide;
    this.notes = loaded.notes;
    this.transform = loaded.transform;
  }

  /**
   * @param path a run folder (its best weights) or a file of weights
   * @throws UsageError for a path that is neither, CheckpointError for weights that do not fit
   */
  static async open(path: string, options: ClassifierOptions = {}): Promise<Classifier> {
    const { device: given, ...hints } = options;
    const device = given ?? (await bestDevice());
    try {
      return new Classifier(device, !given, await openModel(path, device, hints));
    } catch (error) {
      if (!given) await device.close();
      throw error;
    }
  }

  /** Reads a picture's file. @throws DataError when it is missing, is not a picture, or is too large */
  read(file: string): Promise<Picture> {
    return readPicture(file, { side: this.imageSize });
  }

  /**
   * Decodes a picture (JPEG, PNG, WebP, GIF, TIFF or AVIF) in other threads: upright, on white where it is
   * transparent, the middle square with the side that the model wants. Bytes are checked as a file's would be.
   *
   * @param options.name what errors call it
   * @param options.maxPixels a larger one is refused before it is decoded; 2²⁶ unless given
   * @throws DataError when it is no whole picture, or too large
   */
  decode(
    bytes: Uint8Array,
    { name = 'The picture', maxPixels = MAX_PIXELS }: { name?: string; maxPixels?: number } = {},
  ): Promise<Picture> {
    const next = 'give a JPEG, PNG, WebP, GIF, TIFF or AVIF picture';
    return decodePicture(bytes, { name, maxPixels, side: this.imageSize, next });
  }

  /**
   * The most probable classes of each picture, the first one first.
   *
   * @param pictures such as `read` and `decode` give; those of another size are resized here
   * @param options.top how many classes of each; all that there are at most, 5 unless given
   * @throws ShapeError for a picture whose bytes are not those of its side, UsageError for a bad `top`
   */
  async classify(pictures: readonly Picture[], { top = 5 }: { top?: number } = {}): Promise<Guess[][]> {
    if (!Number.isInteger(top) || top < 1)
      throw new UsageError({
        what: 'Pictures cannot be classified',
        expected: 'a whole number of classes from 1 on as top',
        got: String(top),
      });
    if (pictures.length === 0) return [];
    const probabilities = await this.#forward(pictures);
    const n = this.classes.length;
    return pictures.map((_, i) => best(probabilities.subarray(i * n, (i + 1) * n), this.classes, top));
  }

  async #forward(pictures: readonly Picture[]): Promise<Float32Array> {
    const side = this.imageSize;
    const size = 3 * side * side;
    const bytes = new Uint8Array(pictures.length * size);
    for (const [i, picture] of pictures.entries()) bytes.set(await fit(picture, side, i), i * size);
    const batch = tensor(bytes, { shape: [pictures.length, 3, side, side] });
    const inputs = this.transform.apply(batch, { generator: new Generator(0) });
    return Float32Array.from(await this.model.forward(inputs).softmax().data());
  }

  /** Closes the device, unless it was given. */
  async close(): Promise<void> {
    if (this.#owned) await this.device.close();
  }
}

/** A picture's bytes at the model's size, as a data set's pictures are resized in training. */
async function fit({ data, side: own }: Picture, side: number, index: number): Promise<ArrayLike<number>> {
  if (data.length !== 3 * own * own)
    throw new ShapeError({
      what: `Picture ${index} is not a picture`,
      expected: `3 × ${own} × ${own} bytes for its side of ${own}`,
      got: `${data.length} bytes`,
      next: 'read it with the classifier’s read or decode',
    });
  if (own === side) return data;
  const picture = tensor(data, { shape: [1, 3, own, own] });
  const { node } = resize([side, side]).apply(picture, { generator: new Generator(0) });
  const { key, graph, feeds } = buildGraph([node], []);
  // On the host, so that pictures of all sizes still make one batch on the device.
  const [resized] = await referenceDevice().run(key, graph, feeds, []);
  return resized as Float32Array;
}

function best(probabilities: Float32Array, classes: readonly string[], count: number): Guess[] {
  return classes
    .map((label, i) => ({ label, probability: probabilities[i]! }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, count);
}
