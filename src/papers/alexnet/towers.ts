import type { World } from '../../distributed/index.js';
import { shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import { hostLeaf } from '../../graph/node.js';
import {
  type AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  Linear,
  LocalResponseNorm,
  Module,
  Sequential,
} from '../../nn/index.js';
import * as ops from '../../ops/index.js';
import { cat } from '../../tensor/functions.js';
import { nextKey } from '../../tensor/random.js';
import { Tensor } from '../../tensor/tensor.js';
import type { Parallel } from '../paper.js';
import { AlexNet } from './model.js';

/*
 * Section 3.2 of the paper: each of two processors has half of the kernels of each convolution and half of the neurons of
 * each hidden layer. Convolutions with two groups see the maps of their own half only; what is connected to everything
 * sees the maps or neurons of both, which are exchanged before it.
 */

/** The values of all ranks along the second dimension: maps or neurons. [N, C, …] → [N, ranks · C, …]. */
function joined(world: World, x: Tensor): Tensor {
  const [images] = x.shape;
  const all = world.allGather(x);
  return cat(
    Array.from({ length: world.size }, (_, rank) => all.narrow(0, rank * images!, images!)),
    1,
  );
}

/** A convolution with half of the kernels, which sees all maps. */
class JoinedConv2d extends Conv2d {
  readonly #world: World;

  constructor(world: World, ...options: ConstructorParameters<typeof Conv2d>) {
    super(...options);
    this.#world = world;
  }

  override forward(x: Tensor): Tensor {
    return super.forward(joined(this.#world, x));
  }
}

/** A hidden layer with half of the neurons, which sees all values. */
class JoinedLinear extends Linear {
  readonly #world: World;

  constructor(world: World, ...options: ConstructorParameters<typeof Linear>) {
    super(...options);
    this.#world = world;
  }

  override forward(x: Tensor): Tensor {
    return super.forward(joined(this.#world, x));
  }
}

/** The last layer: each rank adds up what its half of the neurons contributes; the sum over the ranks is exchanged. */
class SummedLinear extends Linear {
  readonly #world: World;

  constructor(world: World, ...options: ConstructorParameters<typeof Linear>) {
    super(...options);
    this.#world = world;
  }

  override forward(x: Tensor): Tensor {
    const own = new Tensor(ops.linear(x.node, this.weight.node));
    const sum = this.#world.allReduce(own);
    return this.bias ? sum.add(this.bias) : sum;
  }
}

/** Local response normalisation whose windows reach into the other tower's maps, as in one process. */
class EdgeResponseNorm extends LocalResponseNorm {
  readonly #world: World;

  constructor(world: World, { size, alpha, beta, k }: LocalResponseNorm) {
    super(size, { alpha, beta, k });
    this.#world = world;
  }

  override forward(x: Tensor): Tensor {
    // An even window has one more map before the middle than after it.
    const edge = this.size >> 1;
    if (edge === 0) return super.forward(x);
    const [images, maps] = x.shape as readonly [number, number];
    const { first } = this.#world;
    const all = this.#world.allGather(x.narrow(1, first ? maps - edge : 0, edge));
    const other = all.narrow(0, first ? images : 0, images);
    const wide = super.forward(cat(first ? [x, other] : [other, x], 1));
    return wide.narrow(1, first ? 0 : edge, maps);
  }
}

/** Dropout of half of the values, with the masks of one process that has all of them. */
class TowerDropout extends Dropout {
  readonly #world: World;

  constructor(world: World, p: number) {
    super(p);
    this.#world = world;
  }

  override forward(x: Tensor): Tensor {
    if (!this.training || this.p === 0) return x;
    const [images, own] = x.shape as readonly [number, number];
    const shape = [images, own * this.#world.size];
    const key = nextKey(shape);
    const mask = new Tensor(ops.dropoutMask(hostLeaf(key, [key.length], 'int32'), shape, this.p, x.dtype));
    return x.mul(mask.narrow(1, this.#world.rank * own, own));
  }
}

/** One of the two halves of an AlexNet. Parameters have the names of the whole network's. */
class AlexNetTower extends Module {
  readonly features: Sequential;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly classifier: Sequential;

  constructor({ features, avgpool, classifier }: AlexNet, world: World) {
    super();
    const last = classifier.at(-1);
    const half = (layer: Module): Module => {
      if (layer instanceof Conv2d) return halfConv(layer, world);
      if (layer instanceof LocalResponseNorm) return new EdgeResponseNorm(world, layer);
      if (layer instanceof BatchNorm2d) return new BatchNorm2d(layer.numFeatures / RANKS);
      if (layer instanceof Dropout) return new TowerDropout(world, layer.p);
      if (!(layer instanceof Linear)) return layer;
      const { inFeatures, outFeatures } = layer;
      return layer === last
        ? new SummedLinear(world, inFeatures / RANKS, outFeatures)
        : new JoinedLinear(world, inFeatures, outFeatures / RANKS);
    };
    this.features = new Sequential(...[...features].map(half));
    this.avgpool = avgpool;
    this.classifier = new Sequential(...[...classifier].map(half));
  }

  forward(x: Tensor): Tensor {
    const maps = this.avgpool.forward(this.features.forward(x));
    return this.classifier.forward(maps.flatten(1));
  }
}

const RANKS = 2;
/** Maps of an image. */
const COLOURS = 3;

function halfConv(layer: Conv2d, world: World): Conv2d {
  const { inChannels, outChannels, kernelSize, stride, padding, groups } = layer;
  const options = { stride, padding };
  if (groups === RANKS) return new Conv2d(inChannels / RANKS, outChannels / RANKS, kernelSize, options);
  // Both towers see the image.
  return inChannels === COLOURS
    ? new Conv2d(inChannels, outChannels / RANKS, kernelSize, options)
    : new JoinedConv2d(world, inChannels, outChannels / RANKS, kernelSize, options);
}

/** The dimension along which the towers divide each tensor; the last bias is in both. */
function dimsOf(model: Module): Map<string, number> {
  if (!(model instanceof AlexNet))
    throw new UsageError({
      what: '--parallel towers divides AlexNet',
      expected: 'a preset with five convolutions',
      got: shown(model.constructor.name),
      next: 'leave --parallel out',
    });
  const last = model.classifier.length - 1;
  return new Map(
    [...model.stateDict()].flatMap(([name, { shape }]) =>
      name === `classifier.${last}.bias` || shape.length === 0
        ? []
        : [[name, name === `classifier.${last}.weight` ? 1 : 0]],
    ),
  );
}

export const towers: Parallel = {
  about: 'half of the kernels and neurons on each of two ranks, which exchange maps instead of gradients',
  ranks: RANKS,
  dims: dimsOf,
  part: (model, world) => new AlexNetTower(model as AlexNet, world),
};
