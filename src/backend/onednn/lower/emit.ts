import { Arg, type Dims, type Handle, type Md } from '../api/dnnl.js';
import type { OneDnnBuilder } from '../builder.js';
import type { Form } from '../ir.js';

/** An argument of a primitive. */
export type Operand = readonly [arg: number, { readonly md: Md; readonly region: Form['region'] }];

/**
 * Emits a primitive that computes node `i` from `operands` into a new form.
 * @param result the primitive's argument for the result
 */
export function emitInto(
  b: OneDnnBuilder,
  i: number,
  pd: Handle,
  { dims, md }: { readonly dims: Dims; readonly md: Md },
  operands: readonly Operand[],
  result: number = Arg.dst,
): true {
  const out = b.newForm(dims, md);
  b.emitPrimitive(i, pd, [...operands, [result, out]]);
  b.define(i, out);
  return true;
}

/** The forward node that a gradient node belongs to: the same operation on the same input. */
export function forwardOf(b: OneDnnBuilder, i: number, x: number): number | undefined {
  const node = b.node(i);
  const op = node.op.replace(/Grad$/, '');
  const attrs = JSON.stringify(node.attrs);
  return b.users[x]!.find((u) => b.node(u).op === op && JSON.stringify(b.node(u).attrs) === attrs);
}

/** Whether the graph has a gradient node of this operation, which needs its workspace. */
export const hasGradient = (b: OneDnnBuilder, i: number): boolean => {
  const [x] = b.node(i).inputs as [number];
  return b.users[x]!.some((u) => b.node(u).op === `${b.node(i).op}Grad` && forwardOf(b, u, x) === i);
};

/** Workspace memory that a forward primitive writes for its backward primitive. */
export function workspace(b: OneDnnBuilder, i: number, md: Md | null): readonly Operand[] {
  const made = md ? { md, region: b.region(b.dnnl.bytes(md)) } : null;
  b.workspaces.set(i, made);
  return made ? [[Arg.workspace, made]] : [];
}

/** The workspace that the forward primitive of node `forward` has written. */
export function writtenWorkspace(b: OneDnnBuilder, forward: number): readonly Operand[] {
  const made = b.workspaces.get(forward);
  return made ? [[Arg.workspace, made]] : [];
}
