import { UsageError } from '../errors/errors.js';
import { reachable } from '../graph/graph.js';
import { hostLeaf, type Node } from '../graph/node.js';
import type { Shape } from '../graph/types.js';
import { pair } from '../nn/arguments.js';
import * as nn from '../nn/index.js';
import { withoutInit } from '../nn/init.js';
import { operationOf } from '../ops/index.js';
import { AlexNet } from '../papers/alexnet/model.js';
import { Tensor, tensor } from '../tensor/tensor.js';

/** Which network is measured. */
export interface NetworkChoice {
  readonly paper: 'alexnet';
  readonly preset: 'notes';
  /** `none` leaves the normalisation layers out. */
  readonly norm: 'lrn' | 'none';
}

export const CLASSES = 10;
/** [C, H, W] of one image. */
export const INPUT: Shape = [3, 224, 224];

/** One layer as data, for peers to build the same network from. */
export type LayerSpec = { readonly type: string } & Readonly<
  Record<string, string | number | boolean | readonly number[]>
>;

export function buildNetwork({ preset, norm }: NetworkChoice): nn.Module {
  const model = new AlexNet({ numClasses: CLASSES, preset });
  if (norm === 'lrn') return model;
  // For the comparison only: the same layers in a row, without those that normalise.
  return new nn.Sequential(...layersOf(model).filter((layer) => !(layer instanceof nn.LocalResponseNorm)));
}

/** The layers of a network that is a plain chain, with the flattening before its classifier. */
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
      const { kernelSize, stride, padding } = layer;
      return { type: 'maxPool2d', kernel: pair(kernelSize), stride: pair(stride), padding: pair(padding) };
    }
    if (layer instanceof nn.LocalResponseNorm) {
      const { size, alpha, beta, k } = layer;
      return { type: 'localResponseNorm', size, alpha, beta, k };
    }
    if (layer instanceof nn.AdaptiveAvgPool2d)
      return { type: 'adaptiveAvgPool2d', size: pair(layer.outputSize) };
    if (layer instanceof nn.Dropout) return { type: 'dropout', p: layer.p };
    if (layer instanceof nn.ReLU) return { type: 'relu' };
    if (layer instanceof nn.Flatten) return { type: 'flatten' };
    throw new UsageError({
      what: `${layer.constructor.name} cannot be described to the other libraries`,
      expected:
        'a chain of Conv2d, LocalResponseNorm, ReLU, MaxPool2d, AdaptiveAvgPool2d, Dropout and Linear',
      got: layer.constructor.name,
      next: 'measure without a peer: --peer none',
    });
  });
}

/** Floating-point operations of one image in GFLOP: two for each multiply-add that the operations count. */
export interface Flop {
  readonly forward: number;
  /** Forward, backward-data and backward-weights, but for what nobody needs: the first layer's backward-data. */
  readonly train: number;
}

export function countFlop(choice: NetworkChoice): Flop {
  const model = withoutInit(() => buildNetwork(choice));
  const input = new Tensor(hostLeaf(new Float32Array(0), [1, ...INPUT], 'float32'));
  const logits = model.forward(input);
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
