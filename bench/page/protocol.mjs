// ../peers/protocol.mjs for a page: side.mjs asks `side` to begin and to compute steps.
import { expand } from '../peers/expand.mjs';

export { beyond } from '../peers/expand.mjs';

export const FOLDER = '';
export const resolve = (name) => `/packages/${name}.js`;
export const load = (name) => import(resolve(name));
export const versionOf = async (name) =>
  (await (await fetch(`/node_modules/${name}/package.json`)).json()).version;

const floats = async (name) => new Float32Array(await (await fetch(`/work/${name}`)).arrayBuffer());

export function serve(prepare) {
  let step;
  globalThis.side = {
    async begin() {
      const work = await expand(await (await fetch('/work/work.json')).json(), floats);
      const made = await prepare({ ...work, folder: '/work' });
      step = made.step;
      return { about: made.about, logits: Array.from(await made.logits()) };
    },
    async timed() {
      const started = performance.now();
      await step();
      return (performance.now() - started) / 1000;
    },
  };
}
