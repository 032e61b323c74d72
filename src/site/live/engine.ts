import type { Device } from '../../backend/backend.js';
import { wasmDevice } from '../../backend/wasm/index.js';
import { isSoftware } from '../../backend/webgpu/adapter.js';
import type { Gpu } from '../../backend/webgpu/api.js';
import { webgpuDevice } from '../../backend/webgpu/index.js';
import { roomForPixels, shrinkToSquare } from '../../data/images/shrink/shrink.js';
import { noGrad } from '../../graph/grad-mode.js';
import { importOnnx } from '../../interop/onnx/import/index.js';
import { watching } from '../../nn/watch.js';
import { evaluate, type Tensor, tensor } from '../../tensor/tensor.js';
import type { LiveDevice, LiveMaps, LiveModel, LiveResult } from '../page-types.js';

/*
 * Classifies images in a page of a site. It runs in browsers, as one script, and in tests in Node. The file has the
 * preparation of images in its graph, so a page cannot prepare them differently than the training did.
 */

/** Operators whose results are shown as feature maps; without any, those of convolutions. */
const ACTIVATIONS = new Set(['Relu', 'LeakyRelu', 'PRelu', 'Sigmoid', 'Tanh', 'Gelu', 'HardSwish', 'Elu']);

/** The page's GPU, unless it is software that computes on the processor. */
async function realGpu(): Promise<Device | undefined> {
  const { gpu } = (globalThis as { navigator?: { gpu?: Gpu } }).navigator ?? {};
  const adapter = await gpu?.requestAdapter({ powerPreference: 'high-performance' }).catch(() => null);
  if (!adapter || isSoftware(adapter.info)) return undefined;
  return webgpuDevice().catch(() => undefined);
}

async function openDevice(wanted: LiveDevice): Promise<Device> {
  if (wanted === 'webgpu') return webgpuDevice();
  const gpu = wanted === 'auto' ? await realGpu() : undefined;
  // A page from disk or from most servers has no threads, and small networks need none.
  return gpu ?? wasmDevice({ threads: 1 });
}

/**
 * @param onnx a file of `liveModel`
 * @throws CheckpointError if it is damaged, DeviceError if the device does not work here
 */
export async function open(onnx: Uint8Array, wanted: LiveDevice = 'auto'): Promise<LiveModel> {
  const model = importOnnx(onnx, { name: 'the model of this page' });
  const device = await openDevice(wanted);
  await model.to(device);
  const { metadata, inputShape } = model.description;
  const classes = JSON.parse(metadata.get('classes') ?? '[]') as string[];
  const side = Number(inputShape[2]);
  const { engine } = await device.info();
  const modules = [...model.namedModules()].filter(([name]) => name !== '');
  const typeOf = (module: object): string => (module as { typeName?: string }).typeName ?? '';
  const activated = modules.filter(([, module]) => ACTIVATIONS.has(typeOf(module)));
  const watched =
    activated.length > 0 ? activated : modules.filter(([, module]) => typeOf(module) === 'Conv');

  const classify = async (square: Uint8Array): Promise<LiveResult> => {
    const outputs: { name: string; output: Tensor }[] = [];
    const probabilities = noGrad(() =>
      watching(
        watched,
        (_name, module, _inputs, output) => {
          if (output.shape.length === 4) outputs.push({ name: typeOf(module), output });
        },
        () => {
          const input = tensor(Float32Array.from(square), { shape: [1, 3, side, side] });
          return model.forward(input).softmax(1);
        },
      ),
    );
    const [first, ...rest] = await evaluate(probabilities, ...outputs.map(({ output }) => output));
    return {
      probabilities: Float32Array.from(first!),
      maps: rest.map((values, i): LiveMaps => {
        const [, count, height, width] = outputs[i]!.output.shape as [number, number, number, number];
        return { name: outputs[i]!.name, count, height, width, values: Float32Array.from(values) };
      }),
    };
  };
  return { engine, classes, side, classify };
}

/**
 * The centre square of an image, scaled as in training: 3 × side × side bytes, the red, green and blue planes.
 *
 * @param rgba four bytes for each pixel, as of a canvas
 */
export function squareOf(rgba: Uint8Array, width: number, height: number, side: number): Uint8Array {
  const size = { width, height };
  const pixels = roomForPixels(size, side);
  for (let i = 0; i < pixels.length; i++)
    pixels[i] = rgba[4 * i]! | (rgba[4 * i + 1]! << 8) | (rgba[4 * i + 2]! << 16);
  const planes = new Uint8Array(3 * side * side);
  shrinkToSquare(pixels, size, side, planes);
  return planes;
}
