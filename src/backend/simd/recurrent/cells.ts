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
  const at = routine.let(0);
  const left = routine.let(size);
  const run = (load: number): void => {
    const address = (row: Variable, part: number) => add(row, mul(bytes, part), at);
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

const FORWARD: Readonly<Record<Cell, (u: Units, rows: ForwardRows) => void>> = {
  lstm: (u, { x, product, c, out }) => {
    const gate = (part: number, activation: (x: Formula) => Formula): number => {
      const value = u.value((a, b) => activation(f.add(a!, b!)), u.get(x, part), u.get(product, part));
      u.put(out, part, value);
      return value;
    };
    const [i, forget, g] = [gate(0, sigmoid), gate(1, sigmoid), gate(2, f.tanh)];
    const o = gate(3, sigmoid);
    const memory = u.value((a, b, d, e) => f.add(f.mul(a!, b!), f.mul(d!, e!)), forget, u.get(c, 0), i, g);
    u.put(out, 4, memory);
    u.put(
      out,
      5,
      u.value((a, b) => f.mul(a!, f.tanh(b!)), o, memory),
    );
  },
  gru: (u, { x, product, h, out, bias }) => {
    const product_ = (part: number): number =>
      u.value((a, b) => f.add(a!, b!), u.get(product, part), u.get(bias, part));
    const gate = (part: number): number =>
      u.value((a, b) => sigmoid(f.add(a!, b!)), u.get(x, part), product_(part));
    const [r, z, q] = [gate(0), gate(1), product_(2)];
    const fresh = u.value((a, b, d) => f.tanh(f.add(a!, f.mul(b!, d!))), u.get(x, 2), r, q);
    const next = u.value((a, b, d) => f.add(a!, f.mul(b!, f.sub(d!, a!))), fresh, z, u.get(h, 0));
    for (const [part, value] of [r, z, fresh, q, next].entries()) u.put(out, part, value);
  },
  tanh: (u, { x, product, out }) =>
    u.put(
      out,
      0,
      u.value((a, b) => f.tanh(f.add(a!, b!)), u.get(x, 0), u.get(product, 0)),
    ),
  relu: (u, { x, product, out }) =>
    u.put(
      out,
      0,
      u.value((a, b) => f.max(f.add(a!, b!), 0), u.get(x, 0), u.get(product, 0)),
    ),
};

/**
 * `(rows, size, x, product, h, stepH, c, stepC, out, bias)`: the record of one position, for some examples. Steps are
 * bytes from one example to the next.
 */
export function cellForward(module: KernelModule, cell: Cell): Routine {
  const { gates, record } = CELLS[cell];
  return module.define(10, (routine, count, size, x, product, h, stepH, c, stepC, out, bias) => {
    routine.for(0, count, 1, () => {
      eachUnit(routine, size, (units) => FORWARD[cell](units, { x, product, h, c, out, bias }));
      for (const row of [x, product]) routine.set(row, add(row, mul(size, 4 * gates)));
      routine.set(out, add(out, mul(size, 4 * record)));
      routine.set(h, add(h, stepH));
      routine.set(c, add(c, stepC));
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
