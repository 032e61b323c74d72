import { totalmem } from 'node:os';
import { UsageError } from '../errors/errors.js';
import { reachable } from '../graph/graph.js';
import { hostLeaf, type Node } from '../graph/node.js';
import { showShape, sizeOf } from '../graph/types.js';
import * as nn from '../nn/index.js';
import { withoutInit } from '../nn/init.js';
import { pair } from '../ops/conv2d.js';
import { operationOf } from '../ops/index.js';
import { asClassifier, buildModel, inputShapeOf, type Paper } from '../papers/paper.js';
import { openPaper } from '../papers/registry.js';
import { Tensor, tensor } from '../tensor/tensor.js';
import { CLASSES } from './step.js';

/** Choice of the network to measure. */
export interface NetworkChoice {
  readonly paper: string;
  readonly preset: string;
  /** `none` removes the normalisation layers. */
  readonly norm: 'lrn' | 'none';
}

/** A network to measure. */
export interface Network {
  readonly model: nn.Module;
  /** [C, H, W] of one image. */
  readonly input: readonly [number, number, number];
}

/** Description of one layer, from which peers build the same network. */
export type LayerSpec = { readonly type: string } & Readonly<
  Record<string, string | number | boolean | readonly number[]>
>;

/** Default network: the first preset of the default paper. */
export async function usualNetwork(): Promise<NetworkChoice> {
  const paper = await openPaper();
  return { paper: paper.id, preset: Object.keys(paper.presets)[0]!, norm: 'lrn' };
}

/**
 * Refuses a batch before anything is computed.
 * @param image shape of one image
 * @throws UsageError for a batch whose images alone fill half of this machine's memory
 */
export function checkBatch(batch: number, image: readonly number[]): void {
  const bytes = 4 * sizeOf(image);
  const most = Math.floor(totalmem() / 2 / bytes);
  const inGiB = (size: number): string => `${(size / 2 ** 30).toFixed(1)} GiB`;
  if (batch > most)
    throw new UsageError({
      what: `--batch ${batch} does not fit in memory`,
      expected: `at most ${most} images of ${showShape(image)}, which fill half of ${inGiB(totalmem())}`,
      got: `${inGiB(batch * bytes)} of images`,
      next: 'choose a smaller --batch',
    });
}

/** Builds the network with the dropout and initialisation of its recipe. @throws UsageError also if it is no classifier of images */
export const buildNetwork = async (choice: NetworkChoice): Promise<Network> =>
  made(await openPaper(choice.paper), choice);

function made(paper: Paper, { preset, norm }: NetworkChoice): Network {
  asClassifier(paper);
  const trained = Object.values(paper.recipes).find(({ model }) => model.preset === preset)?.model;
  const imageSize = trained?.imageSize ?? paper.imageSize(preset);
  const model = buildModel(paper, {
    ...{ dropout: 0.5, init: paper.inits[0]!, ...trained, preset, imageSize },
    paper: paper.id,
    classes: Array.from({ length: CLASSES }, (_, i) => `class ${i}`),
  });
  const input = inputShapeOf(paper, { preset, imageSize });
  const layers = layersOf(model);
  const kept = layers.filter((layer) => !(layer instanceof nn.LocalResponseNorm));
  if (norm === 'lrn' || kept.length === layers.length) return { model, input };
  // Only for benchmarks: the same layers in sequence, without normalisation.
  return { model: new nn.Sequential(...kept), input };
}

/** The layers of a sequential network, including the flattening before its classifier. */
function layersOf(model: nn.Module): nn.Module[] {
  const leaves = model.namedModules().flatMap(([, m]) => (m.children().length === 0 ? [m] : []));
  let first = leaves.findIndex((m) => m instanceof nn.Linear);
  if (first < 0 || leaves.some((m) => m instanceof nn.Flatten)) return leaves;
  while (leaves[first - 1] instanceof nn.Dropout) first--;
  return [...leaves.slice(0, first), new nn.Flatten(), ...leaves.slice(first)];
}

/** @throws UsageError for a layer that the peers do not know */
export function describeNetwork(model: nn.Module): LayerSpec[] {
  return layersOf(model).map((layer): LayerSpec => {
    if (layer instanceof nn.Conv2d) {
      const { inChannels, outChannels, kernelSize, stride, padding, dilation, groups } = layer;
      return {
        type: 'conv2d',
        inChannels,
        outChannels,
        kernel: kernelSize,
        stride,
        padding,
        dilation,
        groups,
      };
    }
    if (layer instanceof nn.Linear) {
      const { inFeatures, outFeatures } = layer;
      return { type: 'linear', inFeatures, outFeatures };
    }
    if (layer instanceof nn.MaxPool2d) {
      const { kernelSize, stride, padding, ceilMode } = layer;
      const [kernel, steps, sides] = [kernelSize, stride, padding].map((size) => pair(size));
      return { type: 'maxPool2d', kernel, stride: steps, padding: sides, ceilMode };
    }
    if (layer instanceof nn.LocalResponseNorm) {
      const { size, alpha, beta, k } = layer;
      return { type: 'localResponseNorm', size, alpha, beta, k };
    }
    if (layer instanceof nn.AdaptiveAvgPool2d) {
      const { outputSize } = layer;
      const [height, width] = typeof outputSize === 'number' ? [outputSize, outputSize] : outputSize;
      if (height !== null && width !== null) return { type: 'adaptiveAvgPool2d', size: [height, width] };
    }
    if (layer instanceof nn.Dropout) return { type: 'dropout', p: layer.p };
    if (layer instanceof nn.ReLU) return { type: 'relu' };
    if (layer instanceof nn.Flatten) return { type: 'flatten' };
    throw new UsageError({
      what: `${layer.constructor.name} has no equivalent in the other libraries`,
      expected:
        'a chain of Conv2d, LocalResponseNorm, ReLU, MaxPool2d, AdaptiveAvgPool2d, Dropout and Linear',
      got: layer.constructor.name,
      next: 'measure without a peer: --peer none',
    });
  });
}

/** Floating-point operations per image in GFLOP: two per multiply-add. */
export interface Flop {
  readonly forward: number;
  /** Forward, backward-data and backward-weights, except the first layer's backward-data, which is not needed. */
  readonly train: number;
}

export async function countFlop(choice: NetworkChoice): Promise<Flop> {
  const paper = await openPaper(choice.paper);
  const { model, input } = withoutInit(() => made(paper, choice));
  const image = new Tensor(hostLeaf(new Float32Array(0), [1, ...input], 'float32'));
  const logits = model.forward(image);
  new nn.CrossEntropyLoss().forward(logits, tensor(Int32Array.of(0))).backward();
  const gradients = model.parameters().map((parameter) => parameter.grad!.node);
  return { forward: gflop([logits.node]), train: gflop([logits.node, ...gradients]) };
}

const gflop = (roots: readonly Node[]): number =>
  reachable(roots).reduce((total, node) => {
    const macs =
      node.inputs.length === 0 ? 0 : (operationOf(node.op).macs?.(node.inputs, node, node.attrs) ?? 0);
    return total + 2e-9 * macs;
  }, 0);
