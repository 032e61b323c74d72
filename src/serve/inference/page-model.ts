import { UsageError } from '../../errors/errors.js';
import { exportOnnx } from '../../interop/onnx/index.js';
import { Module } from '../../nn/module.js';
import type { LoadedModel } from '../../papers/loading/loaded-model.js';
import { Generator } from '../../random.js';
import type { Tensor } from '../../tensor/tensor.js';
import { version } from '../../version.js';

/** A classifier with the preparation of its images: bytes as numbers from 0 to 255 in, logits out. */
class Prepared extends Module {
  constructor(
    readonly model: Module,
    readonly transform: LoadedModel['transform'],
  ) {
    super();
  }

  forward(x: Tensor): Tensor {
    return this.model.forward(this.transform.apply(x, { generator: new Generator(0) }));
  }
}

/**
 * A trained classifier as an ONNX file for a page that classifies images, with their preparation and the names of the
 * classes. The model is then in evaluation mode.
 *
 * @param what names the network in the error
 * @param most largest size of the file in bytes
 * @throws UsageError if the file is larger
 */
export async function pageModel(
  { model, transform, rules, classes, config }: LoadedModel,
  { what, most, next }: { readonly what: string; readonly most: number; readonly next: string },
): Promise<Uint8Array> {
  const file = await exportOnnx(new Prepared(model, transform).eval(), [3, rules.side, rules.side], {
    name: `${config.paper}-${config.preset}`,
    version: version(),
    metadata: { classes: JSON.stringify(classes) },
  });
  if (file.length > most)
    throw new UsageError({
      what: `${what} is too large for a page`,
      expected: `a file of at most ${most / 1e6} MB`,
      got: `${(file.length / 1e6).toFixed(1)} MB`,
      next,
    });
  return Buffer.concat(file.pieces);
}
