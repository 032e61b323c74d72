import { type Formula, f } from '../../../ops/formula.js';
import type { Cell } from '../../../ops/sequence/recurrent.js';
import { CELLS } from '../../../ops/sequence/recurrent.js';
import { V } from '../../../webassembly/instructions.js';
import { add, less, mul, type Routine, type Variable } from '../../../webassembly/terms.js';
import type { KernelModule } from '../kernel-module.js';
import { render } from '../render.js';

/** Values of four hidden units of one example, or of one unit in the tail. */
interface Units {
  /** Loads part `part` of a row. */
  get(row: Variable, part: number): number;
  put(row: Variable, part: number, value: number): void;
  /** Evaluates a formula whose inputs are these vectors. */
  value(formula: (...inputs: Formula[]) => Formula, ...inputs: number[]): number;
}

/** Visits the units of a row: four at a time, then one at a time. */
function eachUnit(routine: Routine, size: Variable, body: (units: Units) => void): void {
  const bytes = routine.let(mul(size, 4));
  // Where each part of each row begins, computed once for a row.
  const starts = new Map<Variable, Map<number, Variable>>();
  const start = (row: Variable, part: number): Variable => {
    const parts = starts.get(row) ?? new Map<number, Variable>();
    starts.set(row, parts);
    const known = parts.get(part) ?? (part === 0 ? row : routine.let(add(row, mul(bytes, part))));
    parts.set(part, known);
    return known;
  };
  body({
    get: (row, part) => {
      start(row, part);
      return 0;
    },
    put: start,
    value: () => 0,
  });
  const at = routine.let(0);
  const left = routine.let(size);
  const run = (load: number): void => {
    const address = (row: Variable, part: number) => add(start(row, part), at);
    body({
      get: (row, part) => routine.load(address(row, part), 0, load),
      put: (row, part, value) => {
        if (load === V.load) routine.save(address(row, part), value);
        else routine.saveLane(address(row, part), value);
      },
      value: (formula, ...inputs) =>
        render(routine.code, formula(...inputs.map((_, k) => f.input(k))), inputs),
    });
  };
  routine.while(less(3, left), () => {
    run(V.load);
    routine.step(at, 16);
    routine.step(left, -4);
  });
  routine.while(less(0, left), () => {
    run(V.load32Splat);
    routine.step(at, 4);
    routine.step(left, -1);
  });
}

const sigmoid = (x: Formula): Formula => f.div(1, f.add(1, f.exp(f.neg(x))));
const slope = (y: Formula): Formula => f.mul(y, f.sub(1, y));
const tanhSlope = (y: Formula): Formula => f.sub(1, f.mul(y, y));

/** Rows of a position: inputs of the gates, products with the state before, the state before, and the record. */
interface ForwardRows {
  readonly x: Variable;
  readonly product: Variable;
  readonly h: Variable;
  readonly c: Variable;
  readonly out: Variable;
  readonly bias: Variable;
}

/** The gates, from inputs and products; of a GRU r, z and the product of n; ReLU follows in `FINISH`. */
const GATES: Readonly<Record<Cell, (u: Units, rows: ForwardRows) => number[]>> = {
  lstm: (u, { x, product }) =>
    [sigmoid, sigmoid, f.tanh, sigmoid].map((activation, part) =>
      u.value((a, b) => activation(f.add(a!, b!)), u.get(x, part), u.get(product, part)),
    ),
  gru: (u, { x, product, bias }) => {
    const own = (part: number): number =>
      u.value((a, b) => f.add(a!, b!), u.get(product, part), u.get(bias, part));
    const gate = (part: number): number =>
      u.value((a, b) => sigmoid(f.add(a!, b!)), u.get(x, part), own(part));
    return [gate(0), gate(1), own(2)];
  },
  tanh: (u, { x, product }) => [u.value((a, b) => f.tanh(f.add(a!, b!)), u.get(x, 0), u.get(product, 0))],
  relu: (u, { x, product }) => [u.value((a, b) => f.add(a!, b!), u.get(x, 0), u.get(product, 0))],
};

type StateRows = Pick<ForwardRows, 'x' | 'h' | 'c' | 'out'>;
/** Loads a gate, or returns the variable that contains it. */
type Gate = (part: number) => number;

/** How the new state follows from the gates. Both functions write their part of the record. */
interface Finish {
  /** What the hyperbolic tangent is taken of; undefined for a cell without one. */
  readonly inner?: (u: Units, gate: Gate, rows: StateRows) => number;
  /** The new h. @param tanh the hyperbolic tangent of `inner` */
  readonly state: (u: Units, gate: Gate, rows: StateRows, tanh: number) => number;
}

const FINISH: Readonly<Record<Cell, Finish>> = {
  lstm: {
    inner: (u, gate, { c, out }) => {
      const [i, forget, g] = [gate(0), gate(1), gate(2)];
      const memory = u.value((a, b, d, e) => f.add(f.mul(a!, b!), f.mul(d!, e!)), forget, u.get(c, 0), i, g);
      for (const [part, value] of [i, forget, g].entries()) u.put(out, part, value);
      u.put(out, 4, memory);
      return memory;
    },
    state: (u, gate, { out }, tanh) => {
      const o = gate(3);
      const h = u.value((a, b) => f.mul(a!, b!), o, tanh);
      u.put(out, 3, o);
      u.put(out, 5, h);
      return h;
    },
  },
  gru: {
    inner: (u, gate, { x, out }) => {
      const [r, q] = [gate(0), gate(2)];
      u.put(out, 0, r);
      u.put(out, 3, q);
      return u.value((a, b, d) => f.add(a!, f.mul(b!, d!)), u.get(x, 2), r, q);
    },
    state: (u, gate, { h, out }, fresh) => {
      const z = gate(1);
      const next = u.value((a, b, d) => f.add(a!, f.mul(b!, f.sub(d!, a!))), fresh, z, u.get(h, 0));
      for (const [part, value] of [
        [1, z],
        [2, fresh],
        [4, next],
      ] as const)
        u.put(out, part, value);
      return next;
    },
  },
  tanh: {
    state: (u, gate, { out }) => {
      const y = gate(0);
      u.put(out, 0, y);
      return y;
    },
  },
  relu: {
    state: (u, gate, { out }) => {
      const y = u.value((a) => f.max(a!, 0), gate(0));
      u.put(out, 0, y);
      return y;
    },
  },
};

/** Whether the new state of a cell contains a hyperbolic tangent beside those of gates. */
export const hasInner = (cell: Cell): boolean => FINISH[cell].inner !== undefined;

/**
 * `(rows, size, x, product, h, stepH, c, stepC, out, bias)`: the record of one position, for some examples. Steps are
 * bytes from one example to the next.
 */
export function cellForward(module: KernelModule, cell: Cell): Routine {
  const { gates, record } = CELLS[cell];
  return module.define(10, (routine, count, size, x, product, h, stepH, c, stepC, out, bias) => {
    routine.for(0, count, 1, () => {
      const rows = { x, product, h, c, out, bias };
      eachUnit(routine, size, (units) => {
        const made = GATES[cell](units, rows);
        const { inner, state } = FINISH[cell];
        const before = inner?.(units, (part) => made[part]!, rows);
        const tanh = before === undefined ? 0 : units.value((a) => f.tanh(a!), before);
        state(units, (part) => made[part]!, rows, tanh);
      });
      for (const row of [x, product]) routine.set(row, add(row, mul(size, 4 * gates)));
      routine.set(out, add(out, mul(size, 4 * record)));
      routine.set(h, add(h, stepH));
      routine.set(c, add(c, stepC));
    });
  });
}

/** Gates whose products with the state before have one activation. */
export interface GateProduct {
  /** The first gate. */
  readonly from: number;
  readonly gates: number;
  readonly activation?: 'sigmoid' | 'tanh';
}

/** Products for a library that adds them to what is there and applies the activation. */
export const GATE_PRODUCTS: Readonly<Record<Cell, readonly GateProduct[]>> = {
  lstm: [
    { from: 0, gates: 2, activation: 'sigmoid' },
    { from: 2, gates: 1, activation: 'tanh' },
    { from: 3, gates: 1, activation: 'sigmoid' },
  ],
  gru: [
    { from: 0, gates: 2, activation: 'sigmoid' },
    { from: 2, gates: 1 },
  ],
  tanh: [{ from: 0, gates: 1, activation: 'tanh' }],
  relu: [{ from: 0, gates: 1 }],
};
/** Maximum number of products of a cell. */
export const MOST_PRODUCTS = 3;

/** Moves the rows of a cell's products to the next example. */
function nextProducts(routine: Routine, cell: Cell, size: Variable, products: readonly Variable[]): void {
  for (const [k, { gates }] of GATE_PRODUCTS[cell].entries())
    routine.set(products[k]!, add(products[k]!, mul(size, 4 * gates)));
}

/**
 * `(rows, size, product, …, x, bias)`: what the products are added to, which is the inputs, and the bias of a GRU. There
 * are always {@link MOST_PRODUCTS} addresses of products.
 */
export function cellStart(module: KernelModule, cell: Cell): Routine {
  return module.define(MOST_PRODUCTS + 4, (routine, count, size, ...rest) => {
    const [x, bias] = rest.splice(MOST_PRODUCTS) as [Variable, Variable];
    const start = (u: Units, part: number): number => {
      if (cell !== 'gru') return u.get(x, part);
      if (part === 2) return u.get(bias, part);
      return u.value((a, b) => f.add(a!, b!), u.get(x, part), u.get(bias, part));
    };
    routine.for(0, count, 1, () => {
      eachUnit(routine, size, (units) => {
        for (const [k, { from, gates }] of GATE_PRODUCTS[cell].entries())
          for (let g = 0; g < gates; g++) units.put(rest[k]!, g, start(units, from + g));
      });
      routine.set(x, add(x, mul(size, 4 * CELLS[cell].gates)));
      nextProducts(routine, cell, size, rest);
    });
  });
}

/**
 * `(rows, size, product, …, x, h, stepH, c, stepC, out, inner, state, gap, copy, …, row, …)`: a part of what follows from the
 * activated products, for one position. First, for a cell that has one, `inner` gets what the hyperbolic tangent is taken
 * of; then, from its hyperbolic tangents, `state` gets the new h, with `gap` bytes between rows, and so does each of the
 * `copies`, whose rows are `row` bytes apart. Both write the record, as `cellForward`.
 */
export function cellFinish(
  module: KernelModule,
  cell: Cell,
  part: 'inner' | 'state',
  copies: number,
): Routine {
  const { gates, record } = CELLS[cell];
  return module.define(MOST_PRODUCTS + 11 + 2 * copies, (routine, count, size, ...rest) => {
    const targets = rest.splice(MOST_PRODUCTS + 9);
    const rowsOf = targets.splice(copies);
    const [x, h, stepH, c, stepC, out, inner, state, gap] = rest.splice(MOST_PRODUCTS) as [
      Variable,
      Variable,
      Variable,
      Variable,
      Variable,
      Variable,
      Variable,
      Variable,
      Variable,
    ];
    routine.for(0, count, 1, () => {
      eachUnit(routine, size, (units) => {
        const gate: Gate = (wanted) => {
          const k = GATE_PRODUCTS[cell].findIndex(
            ({ from, gates: own }) => wanted >= from && wanted < from + own,
          );
          return units.get(rest[k]!, wanted - GATE_PRODUCTS[cell][k]!.from);
        };
        const rows = { x, h, c, out };
        const finish = FINISH[cell];
        if (part === 'inner') units.put(inner, 0, finish.inner!(units, gate, rows));
        else {
          const tanh = finish.inner ? units.get(inner, 0) : 0;
          const next = finish.state(units, gate, rows, tanh);
          for (const target of [state, ...targets]) units.put(target, 0, next);
        }
      });
      routine.set(x, add(x, mul(size, 4 * gates)));
      nextProducts(routine, cell, size, rest);
      routine.set(out, add(out, mul(size, 4 * record)));
      routine.set(h, add(h, stepH));
      routine.set(c, add(c, stepC));
      routine.set(inner, add(inner, mul(size, 4)));
      routine.set(state, add(state, mul(size, 4), gap));
      for (const [k, target] of targets.entries()) routine.set(target, add(target, rowsOf[k]!));
    });
  });
}

/** Rows of a position: gradients, the record, the state before, and the gradients of the gates. */
interface BackwardRows {
  readonly dy: Variable;
  readonly dh: Variable;
  readonly dc: Variable;
  readonly record: Variable;
  readonly h: Variable;
  readonly c: Variable;
  readonly out: Variable;
}

const BACKWARD: Readonly<Record<Cell, (u: Units, rows: BackwardRows) => void>> = {
  lstm: (u, { dy, dh, dc, record, c, out }) => {
    const [i, forget, g, o] = [0, 1, 2, 3].map((part) => u.get(record, part)) as [
      number,
      number,
      number,
      number,
    ];
    // tanh(c), from h = o · tanh(c).
    const t = u.value((h, y) => f.select(f.equal(y!, 0), 0, f.div(h!, y!)), u.get(record, 5), o);
    const d = u.value((a, b) => f.add(a!, b!), u.get(dy, 0), u.get(dh, 0));
    const memory = u.value(
      (a, b, e, s) => f.add(a!, f.mul(f.mul(b!, e!), tanhSlope(s!))),
      u.get(dc, 0),
      d,
      o,
      t,
    );
    const scaled = (a: number, b: number, y: number, rule: (y: Formula) => Formula): number =>
      u.value((p, q, s) => f.mul(f.mul(p!, q!), rule(s!)), a, b, y);
    u.put(out, 0, scaled(memory, g, i, slope));
    u.put(out, 1, scaled(memory, u.get(c, 0), forget, slope));
    u.put(out, 2, scaled(memory, i, g, tanhSlope));
    u.put(out, 3, scaled(d, t, o, slope));
    u.put(
      dc,
      0,
      u.value((a, b) => f.mul(a!, b!), memory, forget),
    );
  },
  gru: (u, { dy, dh, record, h, out }) => {
    const [r, z, fresh, q] = [0, 1, 2, 3].map((part) => u.get(record, part)) as [
      number,
      number,
      number,
      number,
    ];
    const d = u.value((a, b) => f.add(a!, b!), u.get(dy, 0), u.get(dh, 0));
    const inner = u.value((a, b, y) => f.mul(f.mul(a!, f.sub(1, b!)), tanhSlope(y!)), d, z, fresh);
    u.put(
      out,
      0,
      u.value((a, b, y) => f.mul(f.mul(a!, b!), slope(y!)), inner, q, r),
    );
    u.put(
      out,
      1,
      u.value((a, b, e, y) => f.mul(f.mul(a!, f.sub(b!, e!)), slope(y!)), d, u.get(h, 0), fresh, z),
    );
    u.put(
      out,
      2,
      u.value((a, b) => f.mul(a!, b!), inner, r),
    );
    u.put(out, 3, inner);
    u.put(
      dh,
      0,
      u.value((a, b) => f.mul(a!, b!), d, z),
    );
  },
  tanh: (u, { dy, dh, record, out }) =>
    u.put(
      out,
      0,
      u.value((a, b, y) => f.mul(f.add(a!, b!), tanhSlope(y!)), u.get(dy, 0), u.get(dh, 0), u.get(record, 0)),
    ),
  relu: (u, { dy, dh, record, out }) =>
    u.put(
      out,
      0,
      u.value(
        (a, b, y) => f.select(f.less(0, y!), f.add(a!, b!), 0),
        u.get(dy, 0),
        u.get(dh, 0),
        u.get(record, 0),
      ),
    ),
};

/**
 * `(rows, size, dy, dh, dc, record, h, stepH, c, stepC, out)`: the gradients of one position, for some examples. dh and
 * dc contain the gradients from the position after; dc is replaced, and dh of a GRU becomes the part that reaches the
 * state before without passing the weights.
 */
export function cellBackward(module: KernelModule, cell: Cell): Routine {
  const { record: parts, grads } = CELLS[cell];
  return module.define(11, (routine, count, size, dy, dh, dc, record, h, stepH, c, stepC, out) => {
    routine.for(0, count, 1, () => {
      eachUnit(routine, size, (units) => BACKWARD[cell](units, { dy, dh, dc, record, h, c, out }));
      for (const row of [dy, dh, dc]) routine.set(row, add(row, mul(size, 4)));
      routine.set(record, add(record, mul(size, 4 * parts)));
      routine.set(out, add(out, mul(size, 4 * grads)));
      routine.set(h, add(h, stepH));
      routine.set(c, add(c, stepC));
    });
  });
}
