import { sizeOf } from '../../../src/graph/types.js';
import { type Tensor, tensor } from '../../../src/tensor/tensor.js';
import { readFixture } from '../generated.js';

/** A network or an operator in some forms, with what another program computes from it. */
export interface OnnxCase {
  readonly name: string;
  readonly input: number[];
  /** Whether the input's values are above 0, for roots and logarithms. */
  readonly positive?: boolean;
  readonly shape: number[];
  readonly output: number[];
  /** Files in base64, by opset or by exporter. */
  readonly onnx: Record<string, string>;
}

/** The cases of a fixture that make_onnx.py made, one for each form. */
export const onnxCases = (fixture: string): (OnnxCase & { readonly bytes: Buffer })[] =>
  readFixture<{ models: OnnxCase[] }>(fixture).models.flatMap((found) =>
    Object.entries(found.onnx).map(([form, text]) => ({
      ...found,
      name: `${found.name}, ${form}`,
      bytes: Buffer.from(text, 'base64'),
    })),
  );

/** The input that make_onnx.py gives a model. */
export function patterned(shape: readonly number[], positive = false): Tensor {
  const values = Float32Array.from({ length: sizeOf(shape) }, (_, i) => {
    const value = (((37 * i) % 129) - 64) / 64;
    return positive ? Math.abs(value) + 0.25 : value;
  });
  return tensor(values, { shape });
}
