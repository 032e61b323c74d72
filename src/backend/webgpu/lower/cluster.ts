import { type Shape, sizeOf } from '../../../graph/types.js';
import { broadcastDimensions, type Dimension } from '../../plan/broadcast.js';
import { withFollowers } from '../../plan/followers.js';
import type { Cluster } from '../../plan/fusion.js';
import type { Joinable, Value, WebGpuBuilder } from '../builder.js';
import { renderFormula } from '../kernels/formula.js';
import { inRuns, together } from '../kernels/joined.js';
import { linearMap } from '../kernels/linear.js';
import { entry, map, WORKGROUP } from '../kernels/map.js';
import { finisher } from './emit.js';

/** Reductions of at least this many elements take a workgroup each. */
const MANY = 128;

/** WGSL that makes the places of the inputs from a position `at`: variables `<prefix>0`, `<prefix>1` … */
function placesOf(dimensions: readonly Dimension[], inputs: number, at: string, prefix: string): string {
  const terms: string[][] = Array.from({ length: inputs }, () => []);
  let lines = `var rest_${prefix} = ${at};\n`;
  [...dimensions].reverse().forEach(({ size, steps }, d, all) => {
    const last = d === all.length - 1;
    lines += `let ${prefix}_d${d} = rest_${prefix}${last ? '' : ` % ${size}u`};${last ? '' : ` rest_${prefix} /= ${size}u;`}\n`;
    steps.forEach((step, k) => {
      if (step > 0) terms[k]!.push(step === 1 ? `${prefix}_d${d}` : `${prefix}_d${d} * ${step}u`);
    });
  });
  return lines + terms.map((sum, k) => `let ${prefix}${k} = ${sum.join(' + ') || '0u'};`).join('\n');
}

/** Whether each input is a single number; undefined if one of them is neither that nor of the result's shape. */
function linearOf(dimensions: readonly Dimension[], inputs: number): boolean[] | undefined {
  if (dimensions.length > 1) return undefined;
  return Array.from({ length: inputs }, (_, k) => dimensions[0]!.steps[k] === 0);
}

/** Adds a step for a group of elementwise nodes. */
export function lowerCluster(b: WebGpuBuilder, { nodes, inputs, formula, reduce }: Cluster): void {
  const root = nodes.at(-1)!;
  const { shape } = b.node(root);
  if (reduce) {
    lowerReduction(b, { nodes, inputs, formula, reduce });
    return;
  }
  const count = sizeOf(shape);
  const dimensions = broadcastDimensions(
    inputs.map((input) => b.node(input).shape),
    shape,
  );
  const scalar = linearOf(dimensions, inputs.length);
  if (scalar) {
    const output = b.placeOver(nodes, inputs);
    emitLinear(
      b,
      nodes,
      inputs.map((input) => b.value(input)),
      output,
      { formula, scalar, count },
    );
    b.define(root, output);
    return;
  }
  const { lines, result } = renderFormula(
    formula,
    inputs.map((_, k) => `in${k}(x${k})`),
  );
  // A storage may be written, but no other input: a broadcast input is read at other positions.
  const slot = b.targetSlot(root, nodes);
  const reads = inputs.some((input) => b.value(input).region.slot === slot);
  const output = slot === undefined || reads ? b.newValue(root) : b.slots[slot]!;
  const guard = b.guardOf(output);
  b.add(nodes, {
    program: map({
      kernel: 'map',
      inputs: Array(inputs.length + (guard ? 1 : 0)).fill('float32'),
      output: 'float32',
      count: `${count}u`,
      value: `${placesOf(dimensions, inputs.length, 'i', 'x')}\n  ${lines}\n  return ${result};`,
      ...(guard ? { guard: inputs.length } : {}),
    }),
    inputs: [...inputs.map((input) => b.value(input)), ...(guard ? [guard] : [])],
    outputs: [output],
    params: [],
    groups: Math.ceil(count / WORKGROUP),
  });
  b.define(root, output);
}

const keyOf = (formula: Cluster['formula'], scalar: readonly boolean[], reduce = ''): string => {
  const { lines, result } = renderFormula(
    formula,
    scalar.map((single, k) => `${single ? 's' : 'v'}${k}`),
  );
  return `${reduce} ${scalar.join()} ${lines} ${result}`;
};

/** Adds an elementwise step on values of one size. */
export function emitLinear(
  b: WebGpuBuilder,
  nodes: readonly number[],
  inputs: readonly Value[],
  output: Value,
  work: Omit<Joinable, 'key'>,
): void {
  const join: Joinable = { ...work, key: keyOf(work.formula, work.scalar) };
  const guard = b.guardOf(output);
  const dispatch = {
    program: linearMap(join.formula, join.scalar, guard !== undefined),
    inputs: [...inputs, ...(guard ? [guard] : [])],
    outputs: [output],
    params: [join.count],
    groups: Math.ceil(join.count / WORKGROUP),
    join,
  };
  // Elementwise work has no multiply-adds; those of a product whose parts are added are the product's.
  b.add(nodes, dispatch, false);
}

/** Sizes and strides of the axes that are kept, or of those that are reduced. */
function axesOf(inputs: readonly Shape[], shape: Shape, chosen: (axis: number) => boolean): Dimension[] {
  const all = shape.map((size, axis) => {
    const steps = inputs.map((input) => {
      const own = axis - shape.length + input.length;
      return own < 0 || input[own] === 1 ? 0 : sizeOf(input.slice(own + 1));
    });
    return { size, steps };
  });
  const joined: Dimension[] = [];
  for (const { size, steps } of all.filter((_, axis) => chosen(axis)).filter(({ size }) => size !== 1)) {
    const outer = joined.at(-1);
    if (outer?.steps.every((step, k) => step === steps[k]! * size))
      joined[joined.length - 1] = { size: outer.size * size, steps };
    else joined.push({ size, steps });
  }
  return joined;
}

function lowerReduction(b: WebGpuBuilder, { nodes, inputs, formula, reduce }: Cluster): void {
  const root = nodes.at(-1)!;
  const { op, axes, shape } = reduce!;
  const result = sizeOf(b.node(root).shape);
  const length = sizeOf(axes.map((axis) => shape[axis]!));
  const shapes = inputs.map((input) => b.node(input).shape);
  const kept = axesOf(shapes, shape, (axis) => !axes.includes(axis));
  const over = axesOf(shapes, shape, (axis) => axes.includes(axis));
  const scalar =
    kept.length === 0
      ? linearOf(over.length > 0 ? over : [{ size: 1, steps: inputs.map(() => 0) }], inputs.length)
      : undefined;
  const alone = over.length <= 1 && over.every(({ steps }) => steps.every((step) => step <= 1));
  if (result === 1 && scalar && alone && length > 0) {
    const output = b.newValue(root);
    const join = { key: keyOf(formula, scalar, op), formula, scalar, count: length, reduce: op };
    b.add(nodes, {
      program: { kernel: 'reduce', inputs: [], outputs: [], params: 0, code: '' },
      inputs: inputs.map((input) => b.value(input)),
      outputs: [output],
      params: [],
      groups: 1,
      join,
    });
    b.define(root, output);
    return;
  }
  const followed = withFollowers(b, root);
  const last = followed.nodes.at(-1)!;
  const all = [...nodes, ...followed.nodes.slice(1)];
  const finish = finisher(followed.activation);
  const fold = (a: string, c: string): string => (op === 'sum' ? `${a} + ${c}` : `maxOf(${a}, ${c})`);
  const start = op === 'sum' ? '0f' : '-infinity()';
  const body = renderFormula(
    formula,
    inputs.map((_, k) => `in${k}(x${k} + y${k})`),
  );
  // Sizes of 0 have no places.
  const inner =
    length === 0
      ? ''
      : `${placesOf(over, inputs.length, 'r', 'y')}
    ${body.lines}
    total = ${fold('total', body.result)};`;
  const common = {
    kernel: 'reduce',
    inputs: inputs.map(() => 'float32' as const),
    outputs: ['float32' as const],
    params: 0,
  };
  const wide = length >= MANY;
  const program = wide
    ? {
        ...common,
        code: `${finish}
var<workgroup> shared_: array<f32, ${WORKGROUP}>;
${entry(`
  let o = min(block, ${result - 1}u);
  ${placesOf(kept, inputs.length, 'o', 'x')}
  var total = ${start};
  ${inRuns(
    length,
    op === 'sum' ? ['total'] : [],
    (first, end) => `for (var r = ${first}; r < ${end}; r += ${WORKGROUP}u) {
    ${inner}
  }`,
  )}
  ${together('all', fold)}
  if (lane == 0u && block < ${result}u) { put0(o, finish(all)); }`)}`,
      }
    : map({
        ...common,
        output: 'float32',
        count: `${result}u`,
        declarations: finish,
        value: `${placesOf(kept, inputs.length, 'i', 'x')}
  var total = ${start};
  for (var r = 0u; r < ${length}u; r++) {
    ${inner}
  }
  return finish(total);`,
      });
  const output = b.newValue(last);
  b.add(all, {
    program,
    inputs: inputs.map((input) => b.value(input)),
    outputs: [output],
    params: [],
    groups: wide ? result : Math.ceil(result / WORKGROUP),
  });
  b.define(last, output);
}
