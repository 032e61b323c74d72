import { hostLeaf, type Node } from '../../../../graph/node.js';
import { sameShape, showShape, sizeOf } from '../../../../graph/types.js';
import * as ops from '../../../../ops/index.js';
import { MOST_KNOWN } from '../fold.js';
import type { Operator, Rule } from '../operator.js';
import { indicesOf } from './moves.js';

/* Gather and scatter of single elements and rows at constant indices, for values of any kind. */

/** Reshapes `x` to `count` rows and selects some of them by index. */
function rows(x: Node, count: number, chosen: readonly number[]): Node {
  const list = ops.reshape(x, [count, sizeOf(x.shape) / Math.max(1, count)]);
  return ops.indexSelect(list, hostLeaf(Int32Array.from(chosen), [chosen.length], 'int32'), 0);
}

function few(operator: Operator, count: number): void {
  if (count > MOST_KNOWN) operator.misfit('its positions', `at most ${MOST_KNOWN} of them`, String(count));
}

/** Flat indices of GatherElements: positions with one coordinate replaced. */
function replaced(operator: Operator, data: readonly number[], indices: Node, axis: number): number[] {
  const { shape } = indices;
  const strides = data.map((_, i) => sizeOf(data.slice(i + 1)));
  const known = indicesOf(operator, operator.known(indices, 'its indices'), data[axis]!);
  few(operator, known.length);
  if (shape.length !== data.length || shape.some((d, i) => i !== axis && d > data[i]!))
    operator.misfit('its indices', `a part of ${showShape(data)}`, showShape(shape));
  const at = shape.map(() => 0);
  return known.map((index) => {
    const flat = at.reduce((sum, i, d) => sum + strides[d]! * (d === axis ? index : i), 0);
    for (let d = shape.length - 1; d >= 0 && ++at[d]! === shape[d]; d--) at[d] = 0;
    return flat;
  });
}

const gatherElements: Rule = (operator) => {
  operator.arity(2);
  const given = operator.int('axis', 0);
  return ([x, indices]) => {
    const [axis] = operator.axes([given], x!.shape.length) as [number];
    if (operator.inputKinds[1] === 'mask') {
      if (indices!.dtype !== 'int32') operator.misfit('its indices', 'positions', 'truth values');
      return ops.gather(x!, axis, indices!);
    }
    const flat = replaced(operator, x!.shape, indices!, axis);
    return ops.reshape(rows(x!, sizeOf(x!.shape), flat), indices!.shape);
  };
};

/** Flat row indices of lists of coordinates, and the number of rows. */
function named(operator: Operator, data: readonly number[], indices: Node, batch = 0): [number[], number] {
  const depth = indices.shape.at(-1)!;
  if (indices.shape.length === 0 || batch + depth > data.length)
    operator.misfit(
      'its indices',
      `at most ${data.length - batch} coordinates each`,
      showShape(indices.shape),
    );
  const known = operator.known(indices, 'its indices');
  few(operator, known.length);
  const places = known.length / Math.max(1, depth);
  const each = places / Math.max(1, sizeOf(data.slice(0, batch)));
  const found = Array.from({ length: places }, (_, place) => {
    const coordinates = known.slice(place * depth, (place + 1) * depth);
    return coordinates.reduce(
      (row, index, i) => row * data[batch + i]! + indicesOf(operator, [index], data[batch + i]!)[0]!,
      Math.floor(place / Math.max(1, each)),
    );
  });
  return [found, sizeOf(data.slice(0, batch + depth))];
}

const gatherND: Rule = (operator) => {
  operator.arity(2);
  const batch = operator.opset < 12 ? 0 : operator.int('batch_dims', 0);
  return ([x, indices]) => {
    const { shape } = x!;
    if (!(batch >= 0 && sameShape(shape.slice(0, batch), indices!.shape.slice(0, batch))))
      operator.misfit(
        'batch_dims',
        'equal first dimensions',
        `${showShape(shape)} and ${showShape(indices!.shape)}`,
      );
    const [chosen, count] = named(operator, shape, indices!, batch);
    const rest = shape.slice(batch + indices!.shape.at(-1)!);
    return ops.reshape(rows(x!, count, chosen), [...indices!.shape.slice(0, -1), ...rest]);
  };
};

/** `x` with some rows replaced by `updates`; of several updates of a row, the last one counts. */
function scattered(
  operator: Operator,
  x: Node,
  updates: Node,
  count: number,
  places: readonly number[],
): Node {
  few(operator, count);
  const width = sizeOf(x.shape) / Math.max(1, count);
  if (sizeOf(updates.shape) !== places.length * width)
    operator.misfit('its updates', `${places.length} of ${width} elements`, showShape(updates.shape));
  if (places.length === 0) return x;
  const chosen = Array.from({ length: count }, (_, i) => i);
  for (const [i, place] of places.entries()) chosen[place] = count + i;
  const all = ops.concat([ops.reshape(x, [count, width]), ops.reshape(updates, [places.length, width])], 0);
  return ops.reshape(rows(all, count + places.length, chosen), x.shape);
}

/** What happens to the elements that are already there; `add` since opset 16. */
const reductionOf = (operator: Operator): string =>
  operator.opset >= 16 ? operator.word('reduction', ['none', 'add']) : 'none';

/** `x` with `updates` added at the positions of `index` along an axis; several updates of one element add up. */
function summed(operator: Operator, x: Node, axis: number, index: Node, updates: Node): Node {
  if (x.dtype !== 'int32') return ops.scatterAdd(x, axis, index, updates);
  if (operator.inputKinds[0] === 'mask')
    operator.misfit('its data', 'numbers, or integers that do not depend on the images', 'computed integers');
  const sums = ops.scatterAdd(ops.cast(x, 'float64'), axis, index, ops.cast(updates, 'float64'));
  return ops.cast(sums, 'int32');
}

/** Adds `updates` to some rows of `x`. */
function summedRows(
  operator: Operator,
  x: Node,
  updates: Node,
  count: number,
  places: readonly number[],
): Node {
  const width = sizeOf(x.shape) / Math.max(1, count);
  if (sizeOf(updates.shape) !== places.length * width)
    operator.misfit('its updates', `${places.length} of ${width} elements`, showShape(updates.shape));
  const list = [places.length, width];
  few(operator, sizeOf(list));
  const index = hostLeaf(
    Int32Array.from({ length: sizeOf(list) }, (_, i) => places[Math.floor(i / width)]!),
    list,
    'int32',
  );
  const sums = summed(operator, ops.reshape(x, [count, width]), 0, index, ops.reshape(updates, list));
  return ops.reshape(sums, x.shape);
}

const scatterND: Rule = (operator) => {
  operator.arity(3);
  const written = reductionOf(operator) === 'add' ? summedRows : scattered;
  return ([x, indices, updates]) => {
    const [places, count] = named(operator, x!.shape, indices!);
    return written(operator, x!, updates!, count, places);
  };
};

const scatterElements: Rule = (operator) => {
  operator.arity(3);
  const given = operator.int('axis', 0);
  const adds = reductionOf(operator) === 'add';
  return ([x, indices, updates]) => {
    const [axis] = operator.axes([given], x!.shape.length) as [number];
    if (adds && operator.inputKinds[1] === 'mask') {
      if (indices!.dtype !== 'int32') operator.misfit('its indices', 'positions', 'truth values');
      if (!sameShape(indices!.shape, updates!.shape))
        operator.misfit('its updates', showShape(indices!.shape), showShape(updates!.shape));
      return summed(operator, x!, axis, indices!, updates!);
    }
    const places = replaced(operator, x!.shape, indices!, axis);
    const written = adds ? summedRows : scattered;
    return written(operator, x!, updates!, sizeOf(x!.shape), places);
  };
};

export const scatters: Readonly<Record<string, Rule>> = {
  GatherElements: gatherElements,
  GatherND: gatherND,
  ScatterND: scatterND,
  ScatterElements: scatterElements,
  Scatter: scatterElements,
};
