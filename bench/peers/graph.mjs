// Networks that are no chain of layers arrive as a graph of operations; each peer brings a table of functions for them.

/**
 * Computes the logits of a graph.
 *
 * @param table functions of operations: (values of the inputs, attributes, shape of the result, shapes of the inputs)
 * @param leaves values of the nodes that have some
 * @param keep makes another reference to a value that is used again, where using a value ends it
 */
export function evaluate({ nodes, logits }, table, leaves, keep = (value) => value) {
  const uses = nodes.map(() => 0);
  for (const { inputs } of nodes) for (const input of inputs) uses[input]++;
  const values = [];
  nodes.forEach(({ op, inputs, attrs, shape }, at) => {
    if (leaves.has(at)) {
      values[at] = leaves.get(at);
      return;
    }
    const given = inputs.map((input) => {
      uses[input]--;
      return uses[input] > 0 ? keep(values[input]) : values[input];
    });
    const run = shared[op] ?? table[op];
    if (!run) throw new Error(`no operation ${op} here`);
    values[at] = run(
      given,
      attrs,
      shape,
      inputs.map((input) => nodes[input].shape),
    );
  });
  return values[logits];
}

// Dropout is left out: its masks cost next to nothing beside the rest. What they would scale stays as it is.
const shared = { dropoutMask: () => undefined };

/** The product of two values, of which one may be a mask that was left out. */
export const product =
  (multiply) =>
  ([a, b]) =>
    a === undefined ? b : b === undefined ? a : multiply(a, b);

/** Amounts of zeros around each dimension for a crop whose window begins at the same place in all images. */
export function cropSides([n, , height, width], offsets, attrs) {
  const [top, left] = offsets;
  for (let i = 0; i < 2 * n; i += 2)
    if (offsets[i] !== top || offsets[i + 1] !== left) throw new Error('no crop at different places here');
  const sides = [
    [0, 0],
    [0, 0],
    [-top, attrs.height - height + top],
    [-left, attrs.width - width + left],
  ];
  if (sides.flat().some((size) => size < 0)) throw new Error('no crop inside of an image here');
  return sides;
}
