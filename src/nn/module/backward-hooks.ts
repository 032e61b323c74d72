import { shown } from '../../errors/arguments.js';
import { ShapeError, UsageError } from '../../errors/errors.js';
import { isGradEnabled } from '../../graph/grad-mode.js';
import type { Node } from '../../graph/node.js';
import { isFloat, sameShape, showShape } from '../../graph/types.js';
import { alias } from '../../ops/shape.js';
import type { Pass } from '../../tensor/autograd.js';
import { addHook } from '../../tensor/hooks.js';
import { Tensor } from '../../tensor/tensor.js';
import { type BackwardHook, type BackwardPreHook, type Gradients, hooksOf } from './call-hooks.js';

/** What a call does with its inputs and its output, so that hooks get their gradients. */
interface Call {
  inputs(given: readonly unknown[]): readonly unknown[];
  output(result: unknown): unknown;
}

const PLAIN: Call = { inputs: (given) => given, output: (result) => result };

/** What one differentiation knows of a call. */
interface Progress {
  outputs?: Gradients;
  inputs?: Gradients;
}

/** Prepares a call of a module; does nothing for a module without backward hooks. */
export function backwardCall(module: { readonly typeName: string }): Call {
  const before = hooksOf(module, 'backwardBefore');
  const after = hooksOf(module, 'backward');
  if (!before || !after || before.size + after.size === 0 || !isGradEnabled()) return PLAIN;
  return new HookedCall(module, [...before], [...after]);
}

/*
 * Inputs and outputs go through aliases, whose gradients are those of this call alone. Aliases of one side are created
 * together, so at the turn of the last one the gradients of all are complete.
 */
class HookedCall implements Call {
  readonly #progress = new WeakMap<Pass, Progress>();
  #inputs: readonly (Node | undefined)[] = [];
  #outputs: readonly (Node | undefined)[] = [];

  constructor(
    readonly module: { readonly typeName: string },
    readonly before: readonly BackwardPreHook[],
    readonly after: readonly BackwardHook[],
  ) {}

  inputs(given: readonly unknown[]): readonly unknown[] {
    const values = given.map(aliased);
    this.#inputs = values.map((value) => (value instanceof Tensor ? value.node : undefined));
    this.#watch(this.#inputs, (pass, node, grad) => this.#inputGradients(pass, node, grad));
    return given.map((value, i) => values[i] ?? value);
  }

  output(result: unknown): unknown {
    if (result instanceof Tensor) return this.#outputsOf([result])[0];
    if (Array.isArray(result)) return this.#outputsOf(result);
    if (typeof result === 'object' && result !== null && Object.getPrototypeOf(result) === Object.prototype) {
      const values = this.#outputsOf(Object.values(result));
      return Object.fromEntries(Object.keys(result).map((key, i) => [key, values[i]]));
    }
    throw new UsageError({
      what: `${this.module.typeName} has a backward hook, but its output has no gradients`,
      expected: 'forward to return a tensor, or an array or a plain object with tensors',
      got: shown(result),
    });
  }

  #outputsOf(results: readonly unknown[]): unknown[] {
    const values = results.map(aliased);
    this.#outputs = values.map((value) => (value instanceof Tensor ? value.node : undefined));
    this.#watch(this.#outputs, (pass, node, grad) => this.#outputGradients(pass, node, grad));
    return results.map((value, i) => values[i] ?? value);
  }

  #watch(
    nodes: readonly (Node | undefined)[],
    gradientsOf: (pass: Pass, node: Node, grad: Node) => Gradients,
  ): void {
    for (const [i, node] of nodes.entries())
      if (node) addHook(node, (grad, pass) => gradientsOf(pass, node, grad)[i]?.node);
  }

  #of(pass: Pass): Progress {
    const known = this.#progress.get(pass) ?? {};
    this.#progress.set(pass, known);
    return known;
  }

  #outputGradients(pass: Pass, node: Node, grad: Node): Gradients {
    const progress = this.#of(pass);
    if (progress.outputs) return progress.outputs;
    let gradients = gradientsAt(this.#outputs, pass, node, grad);
    for (const hook of this.before)
      gradients = this.#replaced(gradients, hook(this.module as never, gradients), 'outputs');
    progress.outputs = gradients;
    if (this.#inputs.some((input) => input && pass.needed.has(input))) return gradients;
    const none = this.#inputs.map(() => null);
    for (const hook of this.after)
      this.#replaced(none, hook(this.module as never, none, gradients), 'inputs');
    return gradients;
  }

  #inputGradients(pass: Pass, node: Node, grad: Node): Gradients {
    const progress = this.#of(pass);
    if (progress.inputs) return progress.inputs;
    const { outputs } = progress;
    if (!outputs)
      throw new UsageError({
        what: `The gradient of an input of ${this.module.typeName}, which has a backward hook, does not come from its output`,
        expected: 'a loss that depends on what forward returned',
        got: 'one that depends on a tensor from inside of it',
        next: 'use registerHook of that tensor instead',
      });
    let gradients = gradientsAt(this.#inputs, pass, node, grad);
    for (const hook of this.after)
      gradients = this.#replaced(gradients, hook(this.module as never, gradients, outputs), 'inputs');
    progress.inputs = gradients;
    return gradients;
  }

  /** The gradients that a hook returned. @throws UsageError or ShapeError for those that do not fit */
  #replaced(before: Gradients, made: unknown, side: 'inputs' | 'outputs'): Gradients {
    if (made === undefined) return before;
    const what = `A backward hook of ${this.module.typeName} returned gradients that do not fit its ${side}`;
    const all: unknown = made instanceof Tensor ? [made] : made;
    if (!Array.isArray(all) || all.length !== before.length)
      throw new UsageError({
        what,
        expected: `an array of ${before.length}, or nothing`,
        got: Array.isArray(all) ? `an array of ${all.length}` : shown(made),
        ...(made instanceof Promise ? { next: 'keep the tensor, and await its data() later' } : {}),
      });
    return before.map((old, i) => {
      const now: unknown = all[i];
      if (old === null ? now === null || now === undefined : now === undefined) return old;
      if (old !== null && now instanceof Tensor && now.dtype === old.dtype && sameShape(now.shape, old.shape))
        return now;
      throw new ShapeError({
        what,
        expected: `${old ? `${old.dtype} ${showShape(old.shape)}` : 'null, since there is no gradient,'} at ${i}`,
        got: now instanceof Tensor ? `${now.dtype} ${showShape(now.shape)}` : shown(now),
      });
    });
  }
}

/** An alias of a floating-point tensor; undefined for anything else. */
const aliased = (value: unknown): Tensor | undefined =>
  value instanceof Tensor && isFloat(value.dtype) ? new Tensor(alias(value.node)) : undefined;

/** The gradients of some values at the turn of one of them. */
const gradientsAt = (nodes: readonly (Node | undefined)[], pass: Pass, node: Node, grad: Node): Gradients =>
  nodes.map((each) => {
    const found = each === node ? grad : each && pass.pending.get(each);
    return found ? new Tensor(found) : null;
  });
