import type { Node } from '../../../src/graph/node.js';
import * as ops from '../../../src/ops/index.js';
import type { Kind } from '../program.js';

/** Exchanges between ranks. A random graph has one rank, where each of them is the identity. */
const exchange = (name: string, make: (x: Node) => Node): Kind => ({
  name,
  draw: (draw) => draw.add(name, [draw.any((id) => draw.shapeOf(id).length > 0)]),
  make: ([x]) => make(x!),
});

export const communicate: readonly Kind[] = [
  exchange('allReduce', (x) => ops.allReduce(x, 1)),
  exchange('broadcastFrom', (x) => ops.broadcastFrom(x, { ranks: 1, rank: 0, root: 0 })),
  exchange('allGather', (x) => ops.allGather(x, 1)),
  exchange('reduceScatter', (x) => ops.reduceScatter(x, 1)),
  {
    name: 'sumTogether',
    draw: (draw) => draw.add('sumTogether', [draw.any(), draw.any()]),
    // Sums have no gradient.
    make: ([x, y]) => {
      const options = { ranks: 1, wire: 'float32', label: 'two values' };
      return ops.add(x!, ops.detach(ops.sumTogether([y!, x!], options)[1]!));
    },
  },
];
