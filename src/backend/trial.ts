import { buildGraph } from '../graph/graph.js';
import { hostLeaf, type Node } from '../graph/node.js';
import { sizeOf } from '../graph/types.js';
import { conv2d } from '../ops/conv2d.js';
import { linear } from '../ops/matmul.js';
import type { Device } from './backend.js';

/** Side, channels and batch of a convolution; rows, inputs and outputs of a linear layer: about 38 million MACs each. */
const [SIDE, CHANNELS, IMAGES] = [16, 64, 4];
const [ROWS, FEATURES] = [144, 512];
const RUNS = 3;

const filled = (shape: readonly number[]): Node =>
  hostLeaf(new Float32Array(sizeOf(shape)).fill(0.5), shape, 'float32');

/**
 * Runs one small plan: a convolution and a linear layer.
 * @returns the time of the fastest run, in milliseconds
 * @throws the device's error if it cannot run a plan
 */
export async function trial(device: Device): Promise<number> {
  const { key, graph, feeds } = buildGraph(
    [
      conv2d(filled([IMAGES, CHANNELS, SIDE, SIDE]), filled([CHANNELS, CHANNELS, 3, 3]), undefined, {
        padding: [1, 1],
      }),
      linear(filled([ROWS, FEATURES]), filled([FEATURES, FEATURES])),
    ],
    [],
  );
  let best = Number.POSITIVE_INFINITY;
  // The first run compiles the plan.
  for (let i = 0; i <= RUNS; i++) {
    const started = performance.now();
    await device.run(key, graph, feeds, []);
    if (i > 0) best = Math.min(best, performance.now() - started);
  }
  return best;
}
