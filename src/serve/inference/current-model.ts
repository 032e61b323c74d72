import { existsSync } from 'node:fs';
import type { Device } from '../../backend/backend.js';
import { openDevice } from '../../backend/open.js';
import { assembleBatch, imagesOf } from '../../data/batch.js';
import { inClassesOf, placesIn } from '../../data/class-order.js';
import type { Dataset } from '../../data/dataset.js';
import { checkIndex, UNREADABLE } from '../../data/dataset.js';
import { decodeImage } from '../../data/image.js';
import { spreadOrder } from '../../data/stratified-sample.js';
import { applied } from '../../data/transforms/transform.js';
import { UsageError } from '../../errors/errors.js';
import { withLastInput } from '../../nn/last-linear.js';
import { watching } from '../../nn/watch.js';
import { openModel } from '../../papers/loading/load.js';
import type { LoadedModel } from '../../papers/loading/loaded-model.js';
import { Generator } from '../../random.js';
import { encodePng } from '../../report/drawing/png.js';
import { pixelsOf } from '../../report/evaluate-sample.js';
import { rulesOf, trainConfigSchema } from '../../run/config.js';
import { RunFolder } from '../../run/run-folder.js';
import { evaluate, type Tensor, tensor } from '../../tensor/tensor.js';
import { openDataset } from '../../train/datasets.js';
import type { ModelDetail } from '../api.js';
import { describeModel } from './describe-model.js';
import { pageModel } from './page-model.js';
import type { ImageSource, Operations, Predicted, SurveyPart, Weights } from './protocol.js';

/** Batch size of surveys; small, so that other requests wait less between batches. */
const BATCH = 20;
/** Maximum number of pixels of an uploaded image. */
const MAX_PIXELS = 40_000_000;
/** Largest network that a page loads. */
const MOST_ONNX_BYTES = 250_000_000;
/** Maximum number of feature maps shown per layer. */
const MAX_MAPS = 512;

/** The inference process's current model; executes one request at a time. */
export class CurrentModel {
  #device: Promise<Device> | undefined;
  #loaded: { key: string; model: Promise<LoadedModel> } | undefined;
  #tests: { run: string; set: Promise<Dataset> } | undefined;
  #busy: Promise<unknown> = Promise.resolve();

  /** Serialises work with the model; a survey takes one turn per batch. */
  #turn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#busy.then(work);
    this.#busy = next.catch(() => {});
    return next;
  }

  async #open({ run, file, version }: Weights): Promise<LoadedModel> {
    const key = JSON.stringify([run, file, version]);
    if (this.#loaded?.key !== key) {
      // Free the old model first, because two need too much memory.
      this.#loaded = undefined;
      this.#loaded = { key, model: this.#load(run, file) };
    }
    try {
      return await this.#loaded.model;
    } catch (error) {
      this.#loaded = undefined;
      throw error;
    }
  }

  async #load(run: string, file: string): Promise<LoadedModel> {
    this.#device ??= openDevice('auto', { threads: 1 }).then(({ device }) => device);
    const model = await openModel(run, await this.#device);
    const { best, latest } = await RunFolder.open(run).state();
    if ((best?.file ?? latest) === file) return model;
    throw new UsageError({
      what: 'The weights of the run have just changed',
      next: 'ask again',
    });
  }

  /** Test images of a run's data set. */
  async #testSet(run: string): Promise<Dataset> {
    if (this.#tests?.run !== run) this.#tests = { run, set: openTestSet(run) };
    try {
      return await this.#tests.set;
    } catch (error) {
      this.#tests = undefined;
      throw error;
    }
  }

  async model(run: string): Promise<ModelDetail> {
    const { model } = await RunFolder.open(run).config(trainConfigSchema);
    return describeModel(model);
  }

  async png(run: string, index: number): Promise<Uint8Array> {
    const set = await this.#testSet(run);
    return encodePng(pixelsOf(await assembleBatch(set, Int32Array.of(index), 0), 0));
  }

  /** One image as a batch, with the name of its class if known. */
  async #image(run: string, source: ImageSource): Promise<{ batch: Tensor; label: string | undefined }> {
    if ('bytes' in source) {
      const rules = rulesOf(await RunFolder.open(run).config(trainConfigSchema));
      const { data, side } = await decodeImage(source.bytes, {
        name: 'The file',
        maxPixels: MAX_PIXELS,
        side: rules.side,
        orientation: rules.orientation,
        next: 'choose another file',
      });
      return { batch: tensor(data, { shape: [1, 3, side, side] }), label: undefined };
    }
    const set = await this.#testSet(run);
    checkIndex(set, source.index);
    const batch = await assembleBatch(set, Int32Array.of(source.index), 0);
    return { batch: imagesOf(batch), label: set.classes[batch.labels[0]!] };
  }

  async features(
    weights: Weights,
    source: ImageSource,
    layer: string,
  ): Promise<Operations['features']['value']> {
    const { batch } = await this.#image(weights.run, source);
    return this.#turn(async () => {
      const { model, transform } = await this.#open(weights);
      const modules = model.namedModules().filter(([, module]) => module.children().length === 0);
      if (!modules.some(([name]) => name === layer))
        throw new UsageError({
          what: 'The model has no such layer',
          expected: `one of ${modules.map(([name]) => name).join(', ')}`,
          got: JSON.stringify(layer.slice(0, 100)),
        });
      let output: Tensor | undefined;
      const listener = (name: string, _module: unknown, _inputs: readonly Tensor[], result: Tensor) => {
        if (name === layer) output = result;
      };
      watching(modules, listener, () => model.forward(applied(transform, batch, context())));
      if (!output) throw new UsageError({ what: `${layer} was not computed for this image` });
      return greyMaps(layer, output.shape, await output.data());
    });
  }

  async predict(weights: Weights, source: ImageSource): Promise<Predicted> {
    const { batch, label } = await this.#image(weights.run, source);
    return this.#turn(async () => {
      const loaded = await this.#open(weights);
      const { logits, hidden } = forward(loaded, batch);
      const [probabilities, features] = await evaluate(logits.softmax(), hidden);
      return {
        classes: loaded.classes,
        probabilities: Float32Array.from(probabilities!),
        hidden: Float32Array.from(features!),
        label: label === undefined ? undefined : known(placesIn([label], loaded.classes)[0]!),
      };
    });
  }

  /** The network for a page that classifies by itself. @throws UsageError if it is too large */
  async onnx(weights: Weights): Promise<Uint8Array> {
    return this.#turn(async () =>
      pageModel(await this.#open(weights), {
        what: 'The network',
        most: MOST_ONNX_BYTES,
        next: 'let the server compute',
      }),
    );
  }

  async survey(
    weights: Weights,
    from: number,
    to: number,
    progress: (done: number, total: number) => void,
  ): Promise<SurveyPart> {
    const { model } = await RunFolder.open(weights.run).config(trainConfigSchema);
    const set = inClassesOf(await this.#testSet(weights.run), model.classes);
    const indices = spreadOrder(set.length, set.labels).subarray(from, to);
    const total = indices.length;
    const labels: number[] = [];
    const predicted: number[] = [];
    const seen: number[] = [];
    let hidden = new Float32Array(0);
    let width = 0;
    for (let done = 0; done < total; ) {
      const wanted = indices.slice(done, done + BATCH);
      const count = wanted.length;
      const batch = await assembleBatch(set, wanted, 0);
      await this.#turn(async () => {
        const loaded = await this.#open(weights);
        const outputs = forward(loaded, imagesOf(batch));
        const [logits, features] = await evaluate(outputs.logits, outputs.hidden);
        width = features!.length / count;
        if (hidden.length === 0) hidden = new Float32Array(total * width);
        const classes = set.classes.length;
        for (let i = 0; i < count; i++) {
          if (batch.labels[i] === UNREADABLE) continue;
          hidden.set(features!.subarray(i * width, (i + 1) * width), seen.length * width);
          predicted.push(largest(logits!.subarray(i * classes, (i + 1) * classes)));
          labels.push(batch.labels[i]!);
          seen.push(wanted[i]!);
        }
      });
      done += count;
      progress(done, total);
    }
    return {
      classes: set.classes,
      indices: Int32Array.from(seen),
      labels: Int32Array.from(labels),
      predicted: Int32Array.from(predicted),
      hidden: hidden.slice(0, seen.length * width),
    };
  }
}

/** Turns a negative index into undefined. */
const known = (place: number): number | undefined => (place < 0 ? undefined : place);

const context = () => ({ generator: new Generator(0) });

/** Logits, and the input of the last fully connected layer. */
function forward({ model, transform }: LoadedModel, batch: Tensor): { logits: Tensor; hidden: Tensor } {
  const { result: logits, features } = withLastInput(model, () =>
    model.forward(applied(transform, batch, context())),
  );
  return { logits, hidden: features ?? logits };
}

function largest(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** Maps as bytes, with one scale from the smallest to the largest value of all maps shown. */
function greyMaps(
  layer: string,
  [, ...shape]: readonly number[],
  values: ArrayLike<number>,
): Operations['features']['value'] {
  const [mapsTotal, height, width] =
    shape.length === 3 ? (shape as [number, number, number]) : [1, 1, values.length];
  const maps = Math.min(mapsTotal, MAX_MAPS);
  const grey = new Uint8Array(maps * height * width);
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < grey.length; i++) {
    min = Math.min(min, values[i]!);
    max = Math.max(max, values[i]!);
  }
  const scale = max > min ? 255 / (max - min) : 0;
  for (let i = 0; i < grey.length; i++) grey[i] = Math.round((values[i]! - min) * scale);
  return { layer, maps, mapsTotal, height, width, grey, min, max };
}

async function openTestSet(run: string): Promise<Dataset> {
  const config = await RunFolder.open(run).config(trainConfigSchema);
  const { dataset, data } = config;
  // The run may come from another machine, so its data folder may not exist here.
  const here = data !== undefined && existsSync(data) ? data : undefined;
  return openDataset({ dataset, data: here, train: false, rules: rulesOf(config) });
}
