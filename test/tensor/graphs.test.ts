import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InlineDevice } from '../../src/backend/device.js';
import { ReferenceEngine } from '../../src/backend/reference/engine.js';
import { type BoundGraph, buildGraph } from '../../src/graph/graph.js';
import { hostLeaf, type Node, scalarLeaf } from '../../src/graph/node.js';
import * as ops from '../../src/ops/index.js';
import { Parameter } from '../../src/tensor/parameter.js';

const device = new InlineDevice(new ReferenceEngine());

const leaf = (shape: readonly number[] = [2, 2], dtype: 'float32' | 'float64' = 'float32'): Node =>
  dtype === 'float32'
    ? hostLeaf(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape, dtype)
    : hostLeaf(new Float64Array(shape.reduce((a, b) => a * b, 1)), shape, dtype);

const [first, second] = [0, 1].map(() => {
  const parameter = new Parameter(Float32Array.of(1, 2, 3, 4), [2, 2]);
  void parameter.place(device);
  return parameter;
}) as [Parameter, Parameter];
const slope = (of: Node, scale: number, shift = 0): Node => ops.affine(of, { scale, shift });
const computes = (make: (x: Node, y: Node) => Node[]) => (): BoundGraph =>
  buildGraph(make(leaf(), leaf()), []);
const updates = (...pairs: [to: Parameter, make: (x: Node) => Node][]): BoundGraph => {
  const x = leaf();
  return buildGraph(
    [ops.sum(x)],
    pairs.map(([{ storage }, make]) => ({ node: make(x), storage: storage! })),
  );
};

/** Computations that differ in one thing each. */
const GRAPHS: Readonly<Record<string, () => BoundGraph>> = {
  difference: computes((x, y) => [ops.sub(x, y)]),
  'another operation': computes((x, y) => [ops.add(x, y)]),
  'the same input twice': computes((x) => [ops.sub(x, x)]),
  'one more operation': computes((x, y) => [ops.neg(ops.sub(x, y))]),
  'two results': computes((x, y) => [ops.sub(x, y), ops.sub(y, x)]),
  'equal results': computes((x, y) => [ops.sub(x, y), ops.sub(x, y)]),
  'results in another order': computes((x, y) => {
    const [a, b] = [ops.sub(x, y), ops.sub(y, x)];
    return [b, a];
  }),
  'a chain': computes((x, y) => [ops.neg(ops.exp(ops.sub(x, y)))]),
  'a chain and its middle': computes((x, y) => {
    const middle = ops.exp(ops.sub(x, y));
    return [ops.neg(middle), middle];
  }),
  'another chain': computes((x, y) => [ops.exp(ops.neg(ops.sub(x, y)))]),
  'another type': () => buildGraph([ops.sub(leaf([2, 2], 'float64'), leaf([2, 2], 'float64'))], []),
  'another shape': () => buildGraph([ops.sub(leaf([2, 3]), leaf([2, 3]))], []),
  'another rank': () => buildGraph([ops.sub(leaf([4]), leaf([4]))], []),
  'a row': () => buildGraph([ops.sub(leaf(), leaf([2]))], []),
  'a number': computes((x) => [slope(x, 2)]),
  'another number': computes((x) => [slope(x, 3)]),
  zero: computes((x) => [slope(x, 0)]),
  'negative zero': computes((x) => [slope(x, -0)]),
  NaN: computes((x) => [slope(x, Number.NaN)]),
  'the other number': computes((x) => [slope(x, 1, 2)]),
  'numbers the other way round': computes((x) => [slope(x, 2, 1)]),
  'a sum over rows': computes((x) => [ops.sum(x, [0])]),
  'a sum over columns': computes((x) => [ops.sum(x, [1])]),
  'a sum over all': computes((x) => [ops.sum(x, [0, 1])]),
  'a kept axis': computes((x) => [ops.sum(x, [0], true)]),
  'a storage': () => buildGraph([ops.sub(first.node, leaf())], []),
  'a storage on the right': () => buildGraph([ops.sub(leaf(), first.node)], []),
  'two storages': () => buildGraph([ops.sub(first.node, second.node)], []),
  'one storage twice': () => buildGraph([ops.sub(first.node, first.node)], []),
  'an update': () => updates([first, (x) => ops.neg(x)]),
  'an update by another value': () => updates([first, (x) => ops.exp(x)]),
  'an update by a read value': () => updates([first, (x) => ops.add(first.node, x)]),
  'an update by the value of another': () => updates([first, (x) => ops.add(second.node, x)]),
  'two updates': () => updates([first, (x) => ops.neg(x)], [second, (x) => ops.neg(x)]),
  'two updates by one value': () => {
    const x = leaf();
    const node = ops.neg(x);
    return buildGraph(
      [ops.sum(x)],
      [first, second].map(({ storage }) => ({ node, storage: storage! })),
    );
  },
  'two updates that read the first': () =>
    updates([first, (x) => ops.add(first.node, x)], [second, (x) => ops.sub(first.node, x)]),
  'two updates that read the second': () =>
    updates([first, (x) => ops.add(second.node, x)], [second, (x) => ops.sub(second.node, x)]),
  'a guard': () => {
    const total = ops.sum(leaf());
    return buildGraph([total], [], total);
  },
  'a first result as guard': () => {
    const [a, b] = [ops.sum(leaf()), ops.sumOfSquares(leaf())];
    return buildGraph([a, b], [], a);
  },
  'a second result as guard': () => {
    const [a, b] = [ops.sum(leaf()), ops.sumOfSquares(leaf())];
    return buildGraph([a, b], [], b);
  },
};
const names = Object.keys(GRAPHS);

/** Makes all graphs that were kept be forgotten. */
const forget = (): void => {
  for (let i = 1; i <= 16; i++) twice(() => buildGraph([ops.neg(leaf([7, i]))], []));
};
/** A graph is kept when it is built for the second time. */
const twice = (make: () => BoundGraph): BoundGraph => {
  make();
  return make();
};
const afresh = (name: string): BoundGraph => {
  forget();
  return twice(GRAPHS[name]!);
};

describe('the graph of a computation', () => {
  /** A key as text, also where it has −0 or NaN. */
  const textOf = ({ key }: BoundGraph): string =>
    [key.form, ...key.numbers.map((number) => (Object.is(number, -0) ? '-0' : `${number}`))].join(' ');
  const keys = new Map(names.map((name) => [name, textOf(afresh(name))]));

  it('has a key of its own', () => {
    assert.equal(new Set(keys.values()).size, names.length);
  });

  it('is recognised when the same is computed again', () => {
    for (const name of names) {
      const { graph, key } = afresh(name);
      const again = GRAPHS[name]!();
      assert.equal(again.graph, graph, name);
      assert.equal(again.key, key, name);
    }
  });

  it('is kept while others come that differ in a number each time', () => {
    const { graph } = afresh('a chain');
    for (let i = 0; i < 40; i++) buildGraph([slope(leaf(), i)], []);
    assert.equal(GRAPHS['a chain']!().graph, graph);
  });

  it('is not taken for one that was computed before', () => {
    for (const before of names)
      for (const name of names) {
        twice(GRAPHS[before]!);
        assert.equal(textOf(GRAPHS[name]!()), keys.get(name), `${name} after ${before}`);
      }
  });

  it('gets the values and the storages of each run', () => {
    const numbers = (...values: number[]) => values.map((value) => scalarLeaf(value));
    const difference = ([a, b]: Node[], to: Parameter) =>
      buildGraph([ops.sub(a!, b!)], [{ node: ops.addScaled(to.node, to.node, a!), storage: to.storage! }]);
    const one = twice(() => difference(numbers(1, 2), first));
    const other = difference(numbers(3, 4), second);
    assert.equal(other.graph, one.graph);
    assert.deepEqual(one.feeds, [Float32Array.of(1), Float32Array.of(2)]);
    assert.deepEqual(other.feeds, [Float32Array.of(3), Float32Array.of(4)]);
    assert.deepEqual([one.storages, other.storages], [[first.storage], [second.storage]]);
  });

  it('is another one once a value is known', () => {
    const make = () => {
      const inner = ops.exp(leaf());
      return { inner, bound: () => buildGraph([ops.neg(inner)], []) };
    };
    const { inner, bound } = make();
    const before = twice(bound).graph;
    inner.value = Float32Array.of(5, 6, 7, 8);
    const after = bound();
    assert.deepEqual(
      [before, after.graph].map(({ nodes }) => nodes.map(({ op }) => op)),
      [
        ['feed', 'exp', 'neg'],
        ['feed', 'neg'],
      ],
    );
    assert.deepEqual(after.feeds, [inner.value]);
    assert.equal(make().bound().graph, before);
  });

  it('refuses weights from before an update, though the same was computed before', () => {
    const parameter = new Parameter(Float32Array.of(1), []);
    void parameter.place(device);
    const old = ops.neg(parameter.node);
    twice(() => buildGraph([old], []));
    parameter.load(Float32Array.of(2));
    assert.throws(() => buildGraph([old], []), /an update has overwritten/);
  });
});
