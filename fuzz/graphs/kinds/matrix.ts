import type { Node } from '../../../src/graph/node.js';
import * as ops from '../../../src/ops/index.js';
import type { Kind } from '../program.js';
import { largest } from './elementwise.js';
import { apart } from './shape.js';

const scaled = (fan: number): [number, number] => [-1.7 / Math.sqrt(fan), 1.7 / Math.sqrt(fan)];

export const matrix: readonly Kind[] = [
  {
    name: 'matmul',
    draw: (draw) => {
      const rank = draw.chance(0.5) ? 2 : 3;
      const a = draw.ofRank(rank);
      const shape = draw.shapeOf(a);
      const [transposeA, transposeB] = [draw.chance(0.4), draw.chance(0.4)];
      const k = shape.at(transposeA ? -2 : -1)!;
      const n = draw.dim();
      const lead = shape.slice(0, -2);
      const b = draw.whereReal((id) => {
        const other = draw.shapeOf(id);
        return (
          other.length === rank &&
          other.slice(0, -2).join() === lead.join() &&
          other.at(transposeB ? -1 : -2) === k
        );
      });
      const made = b ?? draw.leaf([...lead, ...(transposeB ? [n, k] : [k, n])], ...scaled(k));
      return draw.add('matmul', [a, made], { transposeA, transposeB });
    },
    make: ([a, b], attrs) => ops.matmul(a!, b!, attrs as unknown as ops.MatmulAttrs),
  },
  {
    name: 'linear',
    draw: (draw) => {
      const large = draw.narrow === 'bfloat16' && draw.chance(0.3);
      const x = large ? draw.leaf([draw.integer(250, 280), draw.pick([384, 512, 515])]) : draw.ofRank(2);
      const features = draw.shapeOf(x)[1]!;
      const out = large ? draw.pick([768, 700, 1024]) : draw.chance(0.1) ? draw.integer(40, 140) : draw.dim();
      const inputs = [x, draw.leaf([out, features], ...scaled(features))];
      if (draw.chance(0.7)) inputs.push(draw.leaf([out]));
      const made = draw.emit('linear', inputs, {});
      return (
        made !== undefined && (draw.chance(0.6) || draw.add(draw.pick(['relu', 'tanh', 'sigmoid']), [made]))
      );
    },
    make: ([x, w, b]) => ops.linear(x!, w!, b),
  },
  {
    name: 'crossEntropy',
    draw: (draw) => {
      const x = draw.ofRank(2);
      const [n, classes] = draw.shapeOf(x) as [number, number];
      return draw.add('crossEntropy', [x, draw.integers([n], 0, classes - 1)], {
        smoothing: draw.pick([0, 0, 0.1, 1]),
      });
    },
    make: ([x, labels], { smoothing }) => ops.crossEntropy(x!, labels!, smoothing as number),
  },
  {
    name: 'topKCorrect',
    jumps: true,
    draw: (draw) => {
      const x = draw.ofRank(2);
      const [n, classes] = draw.shapeOf(x) as [number, number];
      const k = draw.integer(1, Math.min(5, classes));
      return draw.add('topKCorrect', [x, draw.integers([n], 0, classes - 1)], { k });
    },
    make: ([x, labels], { k }) => ops.detach(ops.topKCorrect(x!, labels!, k as number)),
    clear: ({ inputs: [x], shapes: [shape] }, margin) => {
      const [n, classes] = shape as [number, number];
      const least = margin * largest(x!);
      return Array.from({ length: n }, (_, i) => [...x!.subarray(i * classes, (i + 1) * classes)]).every(
        (row) => apart(row, least),
      );
    },
  },
  {
    name: 'resize',
    draw: (draw) => {
      const x = draw.ofRank(4, ([n, c, h, w]) => n! * c! <= 24 && h! * w! <= 400);
      return draw.add('resize', [x], { size: [draw.dim(17), draw.dim(17)] });
    },
    make: ([x], { size }): Node => ops.resize(x!, size as unknown as ops.Pair),
  },
];
