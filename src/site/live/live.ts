import { basename, resolve } from 'node:path';
import { deflateSync } from 'node:zlib';
import { referenceDevice } from '../../backend/reference/index.js';
import { Shapes10 } from '../../data/shapes10/shapes10.js';
import { openModel } from '../../papers/loading/load.js';
import { pngUri } from '../../report/drawing/png.js';
import { trainConfigSchema } from '../../run/config.js';
import { RunFolder } from '../../run/run-folder.js';
import { pageModel } from '../../serve/inference/page-model.js';
import type { Piece } from '../copies.js';
import type { SiteLive } from '../page-types.js';
import { trainableNetworks } from '../renderer.js';

/** Maximum size of the network, which each visitor downloads. */
const MOST_BYTES = 2_000_000;
/** Examples that are offered, one of each class. */
const EXAMPLES = 10;

export interface LivePart {
  readonly live: SiteLive;
  readonly pieces: readonly Piece[];
}

/**
 * A trained classifier as an ONNX file for the page that classifies visitors' images.
 *
 * @throws UsageError if it is no run of a classifier, has no class names, or is larger than 2 MB
 */
export async function liveModel(run: string): Promise<{ bytes: Uint8Array; classes: readonly string[] }> {
  const model = await openModel(run, referenceDevice());
  const bytes = await pageModel(model, {
    what: `The network of ${run}`,
    most: MOST_BYTES,
    next: 'train a smaller network, such as: paperweight train --preset four-layer',
  });
  return { bytes, classes: model.classes };
}

/** The live demo of a site: the weights of a run, and examples if its data set can be drawn. */
export async function gatherLive(run: string): Promise<LivePart> {
  const { dataset, model } = await RunFolder.open(run).config(trainConfigSchema);
  const { bytes, classes } = await liveModel(run);
  // A script, because pages on disk may not fetch files.
  const text = `globalThis.paperweightWeights=${JSON.stringify(Buffer.from(bytes).toString('base64'))};\n`;
  const pieces: Piece[] = [{ path: 'live/weights.js', bytes: Buffer.from(text) }];
  const examples = dataset === 'shapes10' ? await drawExamples() : [];
  const trainable = (await trainableNetworks()).includes(model.preset);
  return {
    live: {
      run: basename(resolve(run)),
      paper: model.paper,
      classes,
      bytes: bytes.length,
      examples,
      ...(trainable ? { train: { network: model.preset, data: dataset } } : {}),
    },
    pieces,
  };
}

/**
 * The first test image of each class of shapes10, which is drawn by code and free of copyright. They are part of the
 * page, since
 * pages on disk may not read the pixels of other files.
 */
async function drawExamples(): Promise<SiteLive['examples']> {
  const set = await Shapes10.open({ train: false, length: 200 });
  const [channels, height, width] = set.imageShape;
  const area = height * width;
  const planes = new Uint8Array(channels * area);
  const found = new Map<string, string>();
  for (let i = 0; i < set.length && found.size < EXAMPLES; i++) {
    const label = set.classes[set.read(i, planes, 0)]!;
    if (found.has(label)) continue;
    const rgb = new Uint8Array(3 * area);
    for (let at = 0; at < area; at++) for (let c = 0; c < 3; c++) rgb[3 * at + c] = planes[c * area + at]!;
    found.set(label, pngUri({ width, height, rgb }, deflateSync));
  }
  return [...found].map(([label, image]) => ({ label, image }));
}
