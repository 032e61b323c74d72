import type { LiveDevice, LiveEngine, LiveModel } from '../../site/page-types.js';
import { addressOf } from '../lib/address.js';
import { ApiFailure } from './api.js';

/** A script of its own, which is loaded only where a page computes. A variable, so that it is not bundled. */
const ENGINE: string = '/engine.js';

/** What a page computes with. */
export type PageDevice = Exclude<LiveDevice, 'auto'>;

/** A run's network in this page. */
export interface PageModel {
  readonly engine: LiveEngine;
  readonly model: LiveModel;
}

/** The latest network, by run, weights and device: two would need too much memory. */
let latest: { readonly key: string; readonly loaded: Promise<PageModel> } | undefined;

/** Whether this browser has WebGPU, perhaps without an adapter. */
export const hasWebGpu = (): boolean => 'gpu' in navigator;

/**
 * Loads a run's network into this page.
 * @param version changes when the run has new weights
 */
export function pageModelOf(run: string, version: string, device: PageDevice): Promise<PageModel> {
  const key = JSON.stringify([run, version, device]);
  if (latest?.key !== key) {
    const loaded = load(run, device);
    latest = { key, loaded };
    loaded.catch(() => {
      if (latest?.loaded === loaded) latest = undefined;
    });
  }
  return latest.loaded;
}

async function load(run: string, device: PageDevice): Promise<PageModel> {
  const [engine, onnx] = await Promise.all([
    import(ENGINE) as Promise<LiveEngine>,
    bytesOf(addressOf('GET /api/runs/:id/onnx', { params: { id: run } })),
  ]);
  const model = await engine.open(onnx, device);
  const classify: LiveModel['classify'] = async (square) => {
    try {
      return await model.classify(square);
    } catch (error) {
      // A GPU that was lost does not come back: the next try opens it again.
      latest = undefined;
      throw error;
    }
  };
  return { engine, model: { ...model, classify } };
}

/** A file of the server. @throws ApiFailure with the server's reason */
async function bytesOf(url: string): Promise<Uint8Array> {
  const response = await fetch(url);
  if (response.ok) return new Uint8Array(await response.arrayBuffer());
  const { error } = (await response.json().catch(() => ({}))) as { error?: ApiFailure['detail'] };
  throw new ApiFailure(error ?? { what: url, got: `${response.status}` }, response.status);
}
