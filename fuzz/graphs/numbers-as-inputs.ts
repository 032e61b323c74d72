import type { Device } from '../../src/backend/backend.js';
import { withNumbersAsFeeds } from '../../src/backend/plan/numbers/form.js';
import type { Graph, GraphKey } from '../../src/graph/graph.js';
import type { Feed } from '../../src/graph/types.js';

type Request = readonly [key: GraphKey, graph: Graph, feeds: readonly Feed[], storages: readonly number[]];

function changed(
  { form, numbers }: GraphKey,
  graph: Graph,
  feeds: readonly Feed[],
  storages: readonly number[],
): Request {
  const all = [...feeds, ...numbers.map((value) => Float64Array.of(value))];
  const key = { form: `${form} with numbers as inputs`, numbers: [] };
  return [key, withNumbersAsFeeds(graph, [...numbers.keys()]), all, storages];
}

/** The same device, with plans that take every number as an input that they can. */
export const withNumbersAsInputs = (device: Device): Device => ({
  name: device.name,
  run: (...request) => device.run(...changed(...request)),
  profile: (...request) => device.profile(...changed(...request)),
  write: (...given) => device.write(...given),
  read: (id) => device.read(id),
  readInto: (...given) => device.readInto(...given),
  free: (id) => device.free(id),
  info: () => device.info(),
  stats: () => device.stats(),
  kernels: (keep) => device.kernels(keep),
  sgemmRate: (...given) => device.sgemmRate(...given),
  close: () => device.close(),
});
