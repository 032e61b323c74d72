import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { joinCopies } from '../../../src/backend/plan/copies.js';
import { clusters } from '../../../src/backend/plan/fusion.js';
import { lookUpLast } from '../../../src/backend/plan/lookup.js';
import { layOut } from '../../../src/backend/plan/memory/arena-layout.js';
import type { Region } from '../../../src/backend/plan/region.js';
import { joinParts, poolFirst } from '../../../src/backend/plan/rewrite.js';
import { schedule } from '../../../src/backend/plan/schedule.js';
import { updateGroups } from '../../../src/backend/plan/updates.js';
import { readInPlace } from '../../../src/backend/wasm/products.js';
import { cat, grad, ones, type Tensor, tensor } from '../../../src/core.js';
import { buildGraph, type Graph, type GraphNode } from '../../../src/graph/graph.js';
import type { Node } from '../../../src/graph/node.js';
import { Generator } from '../../../src/random.js';

/** How often the nodes of a graph are read. */
function readsOf(graph: Graph, pass: (graph: Graph) => unknown): number {
  let reads = 0;
  const nodes = graph.nodes.map(
    (node) =>
      new Proxy(node, {
        get: (target, name) => {
          reads++;
          return Reflect.get(target, name);
        },
      }),
  );
  pass({ ...graph, nodes });
  return reads;
}

const graphOf = (...outputs: readonly Node[]): Graph => buildGraph(outputs, []).graph;

const GRAPHS: Readonly<Record<string, (n: number) => Graph>> = {
  'a sum of losses, one after another': (n) => {
    let sum: Tensor = tensor(0);
    for (let i = 0; i < n; i++) sum = sum.add(tensor([i]).square().sum());
    return graphOf(sum.node);
  },
  'a deep chain and its gradient': (n) => {
    const x = ones([4]);
    x.requiresGrad = true;
    let y: Tensor = x;
    for (let i = 0; i < n; i++) y = y.tanh().add(x);
    return graphOf(...grad(y.sum(), [x]).map(({ node }) => node));
  },
  'products, one after another, and their gradient': (n) => {
    const w = ones([4, 4]);
    w.requiresGrad = true;
    let y: Tensor = ones([2, 4]);
    for (let i = 0; i < n; i++) y = y.matmul(w).tanh();
    return graphOf(...grad(y.sum(), [w]).map(({ node }) => node));
  },
  'parts of a value and their gradient': (n) => {
    const x = ones([n, 4]);
    x.requiresGrad = true;
    let sum: Tensor = tensor(0);
    for (let i = 0; i < n; i++) sum = sum.add(x.slice(0, i, 1).square().sum());
    return graphOf(...grad(sum, [x]).map(({ node }) => node));
  },
  'values that are appended one after another, and their gradient': (n) => {
    const x = ones([1, 2]);
    x.requiresGrad = true;
    let y: Tensor = x;
    for (let i = 0; i < n; i++) y = cat([y, x], 0);
    return graphOf(...grad(y.sum(), [x]).map(({ node }) => node));
  },
  'a concatenation of many values': (n) =>
    graphOf(
      cat(
        Array.from({ length: n }, () => ones([3, 2])),
        1,
      ).node,
    ),
};

const PASSES: Readonly<Record<string, (graph: Graph) => unknown>> = {
  lookUpLast,
  poolFirst: (graph) => poolFirst(graph, () => false),
  joinParts,
  joinCopies,
  readInPlace,
  clusters: (graph) => clusters(graph, () => false),
  schedule,
  updateGroups,
};

describe('the work of compiling a plan grows with the number of nodes', () => {
  for (const [name, make] of Object.entries(GRAPHS))
    it(`of ${name}`, () => {
      const [small, large] = [make(150), make(600)];
      for (const [pass, body] of Object.entries(PASSES)) {
        const [few, many] = [readsOf(small, body), readsOf(large, body)];
        assert.ok(
          many <= 6 * few,
          `${pass} reads nodes ${few} times, ${many} times in a graph of 4 times the size`,
        );
      }
    });
});

it('a long chain that updates a storage is grouped without comparing all its nodes', () => {
  const nodes: GraphNode[] = [
    { op: 'storage', inputs: [], attrs: {}, shape: [4], dtype: 'float32', scope: '' },
  ];
  for (let i = 0; i < 40_000; i++) nodes.push({ ...nodes[0]!, op: 'tanh', inputs: [i] });
  const graph = { nodes, feeds: [], storages: [0], outputs: [], updates: [{ node: 40_000, slot: 0 }] };
  const started = performance.now();
  // More subexpressions than one kernel computes.
  assert.deepEqual(updateGroups(graph), []);
  // Generous: it takes some tens of milliseconds, and minutes if each node is joined with all before it.
  assert.ok(performance.now() - started < 20_000);
});

describe('the layout of the arena', () => {
  it('gives each region the lowest gap in which it fits, the largest region first', () => {
    const random = new Generator(3);
    const below = (n: number): number => Math.floor((random.nextUint32() / 2 ** 32) * n);
    const regions = Array.from({ length: 400 }, (): Region => {
      const first = below(300);
      return { bytes: below(5) === 0 ? 0 : below(40_000), first, last: first + below(60), offset: -1 };
    });
    const total = layOut(regions);
    const placed: Region[] = [];
    const end = ({ offset, bytes }: Region): number => Math.ceil((offset + bytes) / 4096) * 4096;
    for (const region of regions.toSorted((a, b) => b.bytes - a.bytes || a.first - b.first)) {
      let offset = 0;
      const rivals = placed.filter((other) => other.first <= region.last && region.first <= other.last);
      for (const other of rivals.sort((a, b) => a.offset - b.offset)) {
        if (offset + region.bytes <= other.offset) break;
        offset = Math.max(offset, end(other));
      }
      assert.equal(region.offset, offset);
      placed.push(region);
    }
    assert.equal(total, Math.max(...regions.map(end)));
  });

  it('gives thousands of small regions as many pages as are live at the same time', () => {
    // The values of a chain, each of which its gradient reads, and the gradients.
    const n = 10_000;
    const values = Array.from({ length: n }, (_, i) => ({
      bytes: 16,
      first: i,
      last: 2 * n - i,
      offset: -1,
    }));
    const gradients = Array.from({ length: n }, (_, i) => ({
      bytes: 16,
      first: n + i,
      last: n + i + 1,
      offset: -1,
    }));
    const large = { bytes: 100_000, first: 0, last: 2 * n, offset: -1 };
    const regions: Region[] = [...values, ...gradients, large];
    const total = layOut(regions);
    const live = new Map<number, Region>();
    for (const region of regions.toSorted((a, b) => a.first - b.first)) {
      const before = live.get(region.offset);
      assert.ok(!before || before.last < region.first);
      live.set(region.offset, region);
      if (region !== large) assert.ok(region.offset >= large.bytes && region.offset + region.bytes <= total);
    }
    assert.ok(total <= 4096 * (n + 30));
  });
});
