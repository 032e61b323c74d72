import { type nn, type Tensor, tensor } from 'paperweight/core';
import type { Observation, TrainingSetup } from '../../train/method/training.js';
import { distances, ViT } from './model.js';

/** Names of measurements. */
export const distanceName = (layer: number, head: number): string => `attention distance ${layer}.${head}`;
export const NEAR = 'similarity of neighbours';
export const LINE = 'similarity in a row or column';
export const APART = 'similarity elsewhere';

/** The attention distances of each head, and how similar the position embeddings of patches are. */
export function observe({ model }: TrainingSetup<nn.Module>): Observation {
  if (!(model instanceof ViT)) return {};
  const { side } = model.place;
  const patch = model.embed.weight.shape[3]!;
  return {
    measure(batch) {
      const [images] = batch as readonly [images: Tensor, labels: Tensor];
      return { ...attended(model.attention(images), distances(side, patch)), ...similar(model, side) };
    },
    samples: async () => ({ filters: await filters(model), ...(await maps(model, side)) }),
  };
}

/** Mean distance in pixels between a patch and what it attends to, by head (appendix D.7). */
function attended(layers: readonly Tensor[], apart: Tensor): Record<string, Tensor> {
  const found: Record<string, Tensor> = {};
  for (const [l, all] of layers.entries()) {
    const [, heads, count] = all.shape as [number, number, number];
    // The class token has no position in the image.
    const weights = all.narrow(2, 1, count - 1).narrow(3, 1, count - 1);
    const shares = weights.div(weights.sum(3, true));
    const means = shares.mul(apart).sum(3).mean([0, 2]);
    for (let h = 0; h < heads; h++) found[distanceName(l + 1, h + 1)] = means.select(0, h);
  }
  return found;
}

/** Cosines between the position embeddings of patches, [patches, patches]; null without embeddings. */
function cosines(model: ViT): Tensor | null {
  const embeddings = model.place.ofPatches();
  if (!embeddings) return null;
  const units = embeddings.div(embeddings.square().sum(1, true).sqrt());
  return units.matmul(units.transpose(0, 1));
}

/** Mean cosines of neighbours, of other patches in a row or column, and of all others. */
function similar(model: ViT, side: number): Record<string, Tensor> {
  const all = cosines(model);
  if (!all) return {};
  const count = side * side;
  const mask = (holds: (rows: number, columns: number) => boolean) => {
    const weights = Float32Array.from({ length: count * count }, (_, i) => {
      const [a, b] = [Math.floor(i / count), i % count];
      const rows = Math.abs(Math.floor(a / side) - Math.floor(b / side));
      return Number(a !== b && holds(rows, Math.abs((a % side) - (b % side))));
    });
    const pairs = weights.reduce((sum, one) => sum + one, 0);
    return { weights: tensor(weights, { shape: [count, count] }), pairs };
  };
  const kinds: Readonly<Record<string, (rows: number, columns: number) => boolean>> = {
    [NEAR]: (rows, columns) => rows + columns === 1,
    [LINE]: (rows, columns) => rows * columns === 0 && rows + columns > 1,
    [APART]: (rows, columns) => rows > 0 && columns > 0,
  };
  return Object.fromEntries(
    Object.entries(kinds).flatMap(([name, holds]) => {
      const { weights, pairs } = mask(holds);
      // With few patches there may be none of a kind.
      return pairs === 0 ? [] : [[name, all.mul(weights).sum().div(pairs)]];
    }),
  );
}

/** The filters of the patch embedding as colours, each stretched to its own range: [width, 3, patch, patch]. */
async function filters(model: ViT): Promise<Tensor> {
  const { shape } = model.embed.weight;
  const values = Float32Array.from(await model.embed.weight.data());
  const size = shape.slice(1).reduce((a, b) => a * b);
  const stretched = values.map((value, i) => {
    const first = i - (i % size);
    const most = values.subarray(first, first + size).reduce((a, b) => Math.max(a, Math.abs(b)), 1e-12);
    return 0.5 + (0.5 * value) / most;
  });
  return tensor(stretched, { shape });
}

/** For each patch, the cosines of its position embedding with all others: [patches, 1, side, side], 1 for the largest. */
async function maps(model: ViT, side: number): Promise<Record<string, Tensor>> {
  const all = cosines(model);
  if (!all) return {};
  const scaled = all
    .mul(0.5)
    .add(0.5)
    .reshape(side * side, 1, side, side);
  return { 'position similarity': scaled };
}
