import { hostLeaf, type Node } from '../../graph/node.js';
import { makeArray } from '../../graph/types.js';
import { mul } from '../binary.js';
import { matmul } from '../matmul.js';
import { naming, need, refuse } from '../operation.js';
import { sum } from '../reduce.js';
import { permute, reshape } from '../shape.js';

/** A tensor whose axes have names: letters, and numbers from the end for the axes of an ellipsis. */
interface Named {
  readonly node: Node;
  readonly axes: readonly string[];
}

/**
 * Sums of products by Einstein's convention: letters name axes, a letter that the result lacks is summed over.
 *
 * @param equation such as `bik,bkj->bij`; an ellipsis means any leading axes; without `->` the result has the letters
 *   that occur once, in alphabetical order
 * @example
 * einsum('nhid,nhjd->nhij', [queries, keys]);
 */
export function einsum(equation: string, operands: readonly Node[]): Node {
  return naming('einsum', operands, () => {
    const { inputs, output } = parse(equation, operands);
    const sizes = sizesOf(inputs);
    let left = prepared(inputs[0]!, sizes);
    for (const [i, next] of inputs.entries()) {
      if (i === 0) continue;
      const wanted = new Set([...output, ...inputs.slice(i + 1).flatMap(({ axes }) => axes)]);
      left = contract(left, prepared(next, sizes), wanted);
    }
    const summed = without(left, (axis) => !output.includes(axis));
    const missing = output.find((axis) => !summed.axes.includes(axis));
    if (missing !== undefined) refuse('a result of axes that the inputs have', show(missing));
    return arranged(summed, output);
  });
}

const show = (axis: string): string => (axis.length > 1 ? 'an ellipsis' : `“${axis}”`);

function parse(equation: string, operands: readonly Node[]): { inputs: Named[]; output: string[] } {
  const text = equation.replaceAll(' ', '');
  const [from, to, ...more] = text.split('->');
  const terms = from!.split(',');
  const valid = (term: string): boolean => /^[a-zA-Z]*(\.\.\.)?[a-zA-Z]*$/.test(term);
  need(
    more.length === 0 && [...terms, to ?? ''].every(valid),
    'letters, commas and “->”, such as “bik,bkj->bij”',
    JSON.stringify(equation),
  );
  need(
    terms.length === operands.length && operands.length > 0,
    () => `${terms.length} tensors for ${JSON.stringify(equation)}`,
    () => String(operands.length),
  );
  const inputs = terms.map((term, i) => {
    const node = operands[i]!;
    const letters = term.replace('...', '').length;
    const hidden = node.shape.length - letters;
    need(
      term.includes('...') ? hidden >= 0 : hidden === 0,
      () => `a tensor of ${letters} axes for ${JSON.stringify(term)}`,
      node.shape,
    );
    return diagonal({ node, axes: axesOf(term, hidden) });
  });
  const all = inputs.flatMap(({ axes }) => axes);
  const hidden = [...new Set(all)]
    .filter((axis) => axis.length > 1)
    .sort()
    .reverse();
  if (to === undefined) {
    const once = [...new Set(all)].filter((axis) => axis.length === 1 && inLetters(terms, axis) === 1);
    return { inputs, output: [...hidden, ...once.sort()] };
  }
  const output = axesOf(to, hidden.length);
  need(new Set(output).size === output.length, 'each letter of the result once', JSON.stringify(to));
  return { inputs, output };
}

const inLetters = (terms: readonly string[], letter: string): number =>
  terms.join('').split(letter).length - 1;

/** Names of a term's axes; those of the ellipsis are `*n` for the n-th from its end, so that terms align at the right. */
function axesOf(term: string, hidden: number): string[] {
  const at = term.indexOf('...');
  if (at < 0) return [...term];
  const inner = Array.from({ length: hidden }, (_, i) => `*${String(hidden - i).padStart(3, '0')}`);
  return [...term.slice(0, at), ...inner, ...term.slice(at + 3)];
}

/** Joins axes with the same letter: the diagonal. */
function diagonal({ node, axes }: Named): Named {
  const second = axes.findIndex((axis, i) => axes.indexOf(axis) < i);
  if (second < 0) return { node, axes };
  const first = axes.indexOf(axes[second]!);
  const size = node.shape[first]!;
  need(node.shape[second] === size, () => `equal sizes of ${show(axes[second]!)}`, node.shape);
  const eye = makeArray(node.dtype, size * size);
  for (let i = 0; i < size; i++) eye[i * (size + 1)] = 1;
  const mask = hostLeaf(
    eye,
    node.shape.map((_, i) => (i === first || i === second ? size : 1)),
    node.dtype,
  );
  return diagonal({ node: sum(mul(node, mask), [second]), axes: axes.filter((_, i) => i !== second) });
}

function sizesOf(inputs: readonly Named[]): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { node, axes } of inputs)
    axes.forEach((axis, i) => {
      const size = node.shape[i]!;
      const known = sizes.get(axis);
      need(
        known === undefined || known === size || known === 1 || size === 1,
        () => `one size for ${show(axis)}`,
        () => `${known} and ${size}`,
      );
      if (known === undefined || known === 1) sizes.set(axis, size);
    });
  return sizes;
}

/** Drops axes of size 1 that are larger in another input: the product broadcasts them. */
function prepared({ node, axes }: Named, sizes: ReadonlyMap<string, number>): Named {
  const keeps = axes.map((axis, i) => node.shape[i] === sizes.get(axis));
  return {
    node: reshape(
      node,
      node.shape.filter((_, i) => keeps[i]),
    ),
    axes: axes.filter((_, i) => keeps[i]),
  };
}

function without({ node, axes }: Named, drops: (axis: string) => boolean): Named {
  const over = axes.flatMap((axis, i) => (drops(axis) ? [i] : []));
  return over.length === 0
    ? { node, axes }
    : { node: sum(node, over), axes: axes.filter((axis) => !drops(axis)) };
}

/** Multiplies two tensors as batches of matrices, and sums over the axes that nothing later needs. */
function contract(first: Named, second: Named, wanted: ReadonlySet<string>): Named {
  const a = without(first, (axis) => !wanted.has(axis) && !second.axes.includes(axis));
  const b = without(second, (axis) => !wanted.has(axis) && !first.axes.includes(axis));
  const both = a.axes.filter((axis) => b.axes.includes(axis));
  const batch = both.filter((axis) => wanted.has(axis));
  const inner = both.filter((axis) => !wanted.has(axis));
  const rows = a.axes.filter((axis) => !both.includes(axis));
  const columns = b.axes.filter((axis) => !both.includes(axis));
  const sizeOf = (axes: readonly string[], { node, axes: own }: Named): number =>
    axes.reduce((n, axis) => n * node.shape[own.indexOf(axis)]!, 1);
  const count = sizeOf(batch, a);
  const left = arranged(a, [...batch, ...rows, ...inner]);
  const right = arranged(b, [...batch, ...inner, ...columns]);
  const k = sizeOf(inner, a);
  const product = matmul(
    reshape(left, [count, sizeOf(rows, a), k]),
    reshape(right, [count, k, sizeOf(columns, b)]),
  );
  const axes = [...batch, ...rows, ...columns];
  const sized = (axis: string): number => sizeOf([axis], a.axes.includes(axis) ? a : b);
  return { node: reshape(product, axes.map(sized)), axes };
}

function arranged({ node, axes }: Named, wanted: readonly string[]): Node {
  const order = wanted.map((axis) => axes.indexOf(axis));
  return order.every((from, to) => from === to) ? node : permute(node, order);
}
