import { sizeOf } from '../../../graph/types.js';
import { kernelOf } from '../../reference/kernels.js';
import { activationOf, slopeOf } from '../activations.js';
import { Alg, Arg, type Md } from '../api/dnnl.js';
import type { OneDnnBuilder } from '../builder.js';
import type { Form } from '../ir.js';
import { correctWhere } from './correct/correction.js';
import { boundOf } from './correct/magnitude.js';

const bytesEach = (b: OneDnnBuilder, form: Form): number => (b.dnnl.typeOf(form.md) === 'bfloat16' ? 2 : 4);
const elements = (b: OneDnnBuilder, form: Form): number => b.dnnl.bytes(form.md) / bytesEach(b, form);
/** A form as one long vector: elementwise operations do not depend on the layout, and vectors are fastest. */
const flat = (b: OneDnnBuilder, form: Form): Md => b.dnnl.plain([elements(b, form)], b.dnnl.typeOf(form.md));
/** Whether a layout has padding. */
export const padded = (b: OneDnnBuilder, form: Form): boolean => elements(b, form) !== sizeOf(form.dims);
const asFlat = (b: OneDnnBuilder, form: Form) => ({ md: flat(b, form), region: form.region });

/** The form of an elementwise result: the input's memory if it has no other readers, else a new form. */
export const overwrite = (b: OneDnnBuilder, input: number, form: Form): Form =>
  b.newForm(
    form.dims,
    form.md,
    b.lastReader(input) && b.value(input).forms[0] === form ? form.region : undefined,
  );

export function lowerActivation(b: OneDnnBuilder, i: number): boolean {
  const { op, inputs, attrs } = b.node(i);
  const [x] = inputs as [number];
  const src = b.value(x).forms[0]!;
  // The library's ReLU of NaN is 0.
  const losesNaN = op === 'relu';
  if (losesNaN && b.arena?.pool && b.dnnl.typeOf(src.md) === 'float32') return false;
  const dst = losesNaN ? b.newForm(src.dims, src.md) : overwrite(b, x, src);
  const pd = b.dnnl.eltwiseForward(activationOf(op).alg, src.md, slopeOf(attrs), 0);
  b.emitPrimitive(i, pd, [
    [Arg.src, src],
    [Arg.dst, dst],
  ]);
  b.define(i, dst);
  if (!losesNaN) return true;
  const bound = boundOf(b, i, x, Number.MAX_VALUE);
  correctWhere(b, i, [src], dst, () => Number.isNaN(bound()));
  return true;
}

export function lowerActivationGrad(b: OneDnnBuilder, i: number): boolean {
  const { op, inputs, attrs } = b.node(i);
  const [dy, y] = inputs as [number, number];
  const result = b.value(y).forms[0]!;
  // Where ReLU is flat the library multiplies by 0, which makes NaN of an infinite gradient; it must be 0.
  if (op !== 'tanhGrad' && op !== 'sigmoidGrad' && b.arena?.pool && b.dnnl.typeOf(result.md) === 'float32')
    return false;
  const grad = b.form(dy, result.dims, result.md);
  const { fromDst } = activationOf(op);
  const alpha = slopeOf(attrs);
  // With a negative slope, the sign of the result does not determine the sign of the input.
  if (alpha < 0) return false;
  const d = b.dnnl;
  const hint = d.eltwiseForward(fromDst, result.md, alpha, 0);
  const pd = d.eltwiseBackward(fromDst, result.md, result.md, alpha, 0, hint);
  const dst = overwrite(b, dy, grad);
  b.emitPrimitive(i, pd, [
    [Arg.diffDst, grad],
    [Arg.dst, result],
    [Arg.diffSrc, dst],
  ]);
  b.define(i, dst);
  return true;
}

function eltwise(b: OneDnnBuilder, i: number, alg: number, alpha: number, beta: number): boolean {
  const [x] = b.node(i).inputs as [number];
  const src = b.value(x).forms[0]!;
  const dst = overwrite(b, x, src);
  b.emitPrimitive(i, b.dnnl.eltwiseForward(alg, src.md, alpha, beta), [
    [Arg.src, src],
    [Arg.dst, dst],
  ]);
  b.define(i, dst);
  return true;
}

/** Below this many elements a primitive call costs more than a loop in TypeScript. */
const SMALL = 2048;
const isSmall = (b: OneDnnBuilder, i: number): boolean => sizeOf(b.node(i).shape) < SMALL;

export function lowerAffine(b: OneDnnBuilder, i: number): boolean {
  const { scale, shift } = b.node(i).attrs as { scale: number; shift: number };
  return !isSmall(b, i) && eltwise(b, i, Alg.linear, scale, shift);
}

export function lowerChannelAffine(b: OneDnnBuilder, i: number): boolean {
  const { scale, shift } = b.node(i).attrs as unknown as { scale: number[]; shift: number[] };
  const uniform = scale.every((s) => s === scale[0]) && shift.every((s) => s === shift[0]);
  return uniform && !isSmall(b, i) && eltwise(b, i, Alg.linear, scale[0]!, shift[0]!);
}

export function lowerRound(b: OneDnnBuilder, i: number): boolean {
  if (isSmall(b, i)) return false;
  eltwise(b, i, Alg.round, 0, 0);
  const form = b.value(i).forms[0]!;
  b.emitPrimitive(i, b.dnnl.eltwiseForward(Alg.clip, form.md, 0, 255), [
    [Arg.src, form],
    [Arg.dst, form],
  ]);
  return true;
}

/** A loop in TypeScript, in any layout: oneDNN's clip may lose NaN. */
export function lowerClamp(b: OneDnnBuilder, i: number): boolean {
  const form = b.float32Form(b.node(i).inputs[0]!);
  if (padded(b, form)) return false;
  const dst = b.newForm(form.dims, form.md);
  scriptFlat(b, i, form, dst);
  b.define(i, dst);
  return true;
}

/** In any layout: padding is zero. */
export function lowerSumOfSquares(b: OneDnnBuilder, i: number): boolean {
  const form = b.float32Form(b.node(i).inputs[0]!);
  if (!b.dnnl.isBlocked(form.md)) return false;
  const dst = b.newPlainForm(i);
  scriptFlat(b, i, form, dst);
  b.define(i, dst);
  return true;
}

/** Runs a node's TypeScript kernel over its input as one long vector. */
function scriptFlat(b: OneDnnBuilder, i: number, src: Form, dst: Form): void {
  const { op, inputs, attrs, shape, dtype } = b.node(i);
  const count = elements(b, src);
  const spec = { shape: [count], dtype: b.node(inputs[0]!).dtype };
  const outputSpec = { shape, dtype };
  const kernel = kernelOf(op)!;
  b.emitScript(
    i,
    [src],
    dst,
    (ins, output) => kernel({ inputs: ins, specs: [spec], output, outputSpec, attrs }),
    'typescript',
    [count],
  );
}

const BINARY: Readonly<Record<string, number>> = { add: Alg.add, sub: Alg.sub, mul: Alg.mul, div: Alg.div };

export const lowerBinary = (b: OneDnnBuilder, i: number): boolean =>
  binaryPrimitive(b, i, BINARY[b.node(i).op]!);

/** {@link lowerAffine} with a scale or a shift that is an input. */
export function lowerVaryingAffine(b: OneDnnBuilder, i: number): boolean {
  const { attrs } = b.node(i);
  if (attrs.numbers === 'scale' && attrs.shift === 0) return binaryPrimitive(b, i, Alg.mul);
  return attrs.numbers === 'shift' && attrs.scale === 1 && binaryPrimitive(b, i, Alg.add);
}

function binaryPrimitive(b: OneDnnBuilder, i: number, alg: number): boolean {
  const { inputs, shape } = b.node(i);
  const [x, y] = inputs as [number, number];
  if (isSmall(b, i)) return false;
  const full = (n: number) => sizeOf(b.node(n).shape) === sizeOf(shape);
  if (!full(x) || !(full(y) || sizeOf(b.node(y).shape) === 1)) return false;
  // If one operand is not row-major, its layout is used for both.
  const lead = full(y) && isPlain(b, x) && !isPlain(b, y) ? y : x;
  const made = b.value(lead).forms[0]!;
  // Padding must stay zero, but 0 / 0 is NaN, and 0 plus a scalar is not 0.
  const form = padded(b, made) && (alg === Alg.div || !full(y)) ? b.plainForm(lead) : made;
  const [fx, fy] = [x, y].map((n) => (full(n) ? b.form(n, form.dims, form.md) : b.plainForm(n))) as [
    Form,
    Form,
  ];
  const dst = overwrite(b, x, fx);
  const operand = full(y) ? asFlat(b, fy) : { md: b.dnnl.plain([1]), region: fy.region };
  const pd = b.dnnl.binary(alg, flat(b, fx), operand.md, flat(b, dst));
  b.emitPrimitive(i, pd, [
    [Arg.src, asFlat(b, fx)],
    [Arg.src1, operand],
    [Arg.dst, asFlat(b, dst)],
  ]);
  b.define(i, dst);
  return true;
}

const isPlain = (b: OneDnnBuilder, n: number): boolean => {
  const form = b.value(n).forms[0]!;
  return b.dnnl.equal(form.md, b.plainMd(form.dims, 'float32'));
};

/**
 * a + s·b, the form of every optimizer update, in one pass: a += s·b if the result overwrites a, and b = s·b + a if it
 * overwrites b (a momentum buffer).
 */
export function lowerAddScaled(b: OneDnnBuilder, i: number): boolean {
  const [x, y, s] = b.node(i).inputs as [number, number, number];
  const scalar = { md: b.dnnl.plain([1]), region: b.plainForm(s).region };
  const target = b.target(i);
  // A storage whose layout is still flexible takes the layout of the gradient.
  for (const [one, other] of [
    [x, y],
    [y, x],
  ] as const) {
    if (!b.isFlexible(one)) continue;
    const form = b.float32Form(other);
    b.settle(one, form.dims, form.md);
  }
  const isStored = (n: number) => b.value(n).forms[0]!.region.slot !== undefined;
  const form = target ? target.form : b.float32Form(isStored(y) && !isStored(x) ? y : x);
  const settled = target ? b.slots[target.slot]!.form : form;
  const [fx, fy] = [b.form(x, settled.dims, settled.md), b.form(y, settled.dims, settled.md)];
  const place = target ? target.form.region : b.lastReader(x) ? fx.region : undefined;
  const dst = b.newForm(settled.dims, settled.md, place);
  const d = b.dnnl;
  const vector = flat(b, dst);
  if (dst.region === fx.region) {
    const pd = d.binary(Alg.mul, vector, scalar.md, vector, [{ kind: 'sum', scale: 1 }]);
    b.emitPrimitive(i, pd, [
      [Arg.src, asFlat(b, fy)],
      [Arg.src1, scalar],
      [Arg.dst, asFlat(b, dst)],
    ]);
  } else {
    const pd = d.binary(Alg.mul, vector, scalar.md, vector, [{ kind: 'binary', alg: Alg.add, md: vector }]);
    b.emitPrimitive(i, pd, [
      [Arg.src, asFlat(b, fy)],
      [Arg.src1, scalar],
      [d.postOpArg(0), asFlat(b, fx)],
      [Arg.dst, asFlat(b, dst)],
    ]);
  }
  b.define(i, dst);
  return true;
}
