import { recurrence } from '../../../src/nn/sequence/recurrence.js';
import * as ops from '../../../src/ops/index.js';
import type { Kind } from '../program.js';

export const sequence: readonly Kind[] = [
  {
    name: 'recurrent',
    draw: (draw) => {
      // Not ReLU: whether a unit is near its kink is not known from the result.
      const cell = draw.pick(['lstm', 'gru', 'tanh'] as const);
      const { gates } = ops.CELLS[cell];
      const [length, n, size] = [draw.integer(1, 4), draw.dim(9), draw.dim(12)] as const;
      const x = draw.leaf([length, n, gates * size]);
      const bound = 1 / Math.sqrt(size);
      const inputs = [x, draw.leaf([gates * size, size], -bound, bound), draw.leaf([n, size])];
      if (cell === 'lstm') inputs.push(draw.leaf([n, size]));
      if (cell === 'gru') inputs.push(draw.leaf([gates * size]));
      return draw.add('recurrent', inputs, { cell, reverse: draw.chance(0.3), end: draw.chance(0.2) });
    },
    make: ([x, w, h, second], { cell, reverse, end }) => {
      const made = recurrence({
        cell: cell as ops.Cell,
        reverse: reverse as boolean,
        x: x!,
        w: w!,
        begin: cell === 'lstm' ? [h!, second!] : [h!],
        bias: cell === 'gru' ? second! : undefined,
      });
      return end ? made.end.at(-1)! : made.y;
    },
  },
];
