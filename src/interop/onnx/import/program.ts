import { quoted } from '../../../errors/excerpt.js';
import { showShape, sizeOf } from '../../../graph/types.js';
import { Module } from '../../../nn/module.js';
import type { Parameter } from '../../../tensor/parameter.js';
import { Tensor } from '../../../tensor/tensor.js';
import { folded } from './fold.js';
import type { Kernel } from './operator.js';
import { checkSize, misfit } from './refuse.js';

/** Values by name; a branch also sees those of the enclosing graph. */
export class Values {
  readonly #own = new Map<string, Tensor>();

  /** @param most maximum number of elements of a result: see `mostElements` */
  constructor(
    readonly most: number,
    private readonly outer?: Values,
  ) {}

  get(name: string): Tensor {
    const found = this.#own.get(name) ?? this.outer?.get(name);
    if (!found) throw new Error(`the value ${name} was used before it was computed`);
    return found;
  }

  set(name: string, value: Tensor): void {
    this.#own.set(name, value);
  }
}

/** A step of a forward pass. */
export interface Step {
  run(values: Values): void;
}

/** A graph as steps in the order of computation. */
export class Program {
  constructor(
    private readonly constants: ReadonlyMap<string, Tensor>,
    private readonly steps: readonly Step[],
    readonly outputs: readonly string[],
  ) {}

  run(values: Values): Tensor[] {
    for (const [name, value] of this.constants) values.set(name, value);
    for (const step of this.steps) step.run(values);
    return this.outputs.map((name) => values.get(name));
  }
}

/** A node that computes tensors, as a module, so that summaries, observers and errors show it. */
export class OnnxOperator extends Module implements Step {
  readonly #own: readonly Parameter[];

  /**
   * @param type name of the ONNX operator
   * @param kernel gets undefined for missing optional inputs
   * @param own parameters that no earlier node uses; they belong to the whole model, under their own names
   */
  constructor(
    private readonly type: string,
    private readonly kernel: Kernel,
    private readonly inputs: readonly string[],
    readonly output: string,
    own: readonly Parameter[],
  ) {
    super();
    this.#own = own;
  }

  /** The parameters are registered in the whole model, which saves and moves them. */
  protected override members(): Iterable<readonly [string, Module | Parameter]> {
    return [];
  }

  override get typeName(): string {
    return this.type;
  }

  override parameters(): Parameter[] {
    return this.#own.filter((parameter) => parameter.requiresGrad);
  }

  run(values: Values): void {
    const given = this.inputs.filter((name) => name !== '').map((name) => values.get(name));
    const y = this.forward(...given);
    if (sizeOf(y.shape) > values.most)
      misfit(
        `${this.type} ${quoted(this.output)}: its result`,
        `at most ${values.most} elements for inputs and weights of this size`,
        showShape(y.shape),
      );
    values.set(this.output, y);
  }

  /** @param given the inputs that are not missing, in order */
  forward(...given: Tensor[]): Tensor {
    return this.scoped(() => {
      let next = 0;
      const y = this.kernel(
        this.inputs.map((name) => (name === '' ? undefined : given[next++]!.node)),
        this.training,
      );
      checkSize(y.shape);
      if (sizeOf(y.shape) === 0)
        misfit(`${this.type}: its result`, 'at least one element', showShape(y.shape));
      return new Tensor(y);
    });
  }
}

/** A node whose result is integers known when the graph is built; the device computes nothing. */
export const integerStep = (kernel: Kernel, inputs: readonly string[], output: string): Step => ({
  run: (values) =>
    values.set(
      output,
      new Tensor(
        kernel(
          inputs.map((name) => (name === '' ? undefined : values.get(name).node)),
          false,
        ),
      ),
    ),
});

/** An If: the condition must be known when the graph is built. */
export const ifStep = (
  condition: string,
  [yes, no]: readonly [Program, Program],
  outputs: readonly string[],
): Step => ({
  run: (values) => {
    const known = folded(values.get(condition).node);
    if (!known) misfit('the condition of an If', 'one that does not depend on the images', 'one that does');
    const results = (known[0] ? yes : no).run(new Values(values.most, values));
    for (const [i, name] of outputs.entries()) values.set(name, results[i]!);
  },
});
