import type { Node } from '../../graph/node.js';
import * as ops from '../../ops/index.js';

/** Operations of one input that are one ONNX operator without attributes; both export and import use this table. */
export const UNARY: readonly {
  /** ONNX's name. */
  readonly type: string;
  /** Name of our operation. */
  readonly op: string;
  readonly apply: (x: Node) => Node;
}[] = [
  { type: 'Abs', op: 'abs', apply: ops.abs },
  { type: 'Erf', op: 'erf', apply: ops.erf },
  { type: 'Exp', op: 'exp', apply: ops.exp },
  { type: 'Floor', op: 'floor', apply: ops.floor },
  { type: 'HardSwish', op: 'hardswish', apply: ops.hardswish },
  { type: 'Log', op: 'log', apply: ops.log },
  { type: 'Neg', op: 'neg', apply: ops.neg },
  { type: 'Relu', op: 'relu', apply: ops.relu },
  { type: 'Sigmoid', op: 'sigmoid', apply: ops.sigmoid },
  { type: 'Sign', op: 'sign', apply: ops.sign },
  { type: 'Softplus', op: 'softplus', apply: ops.softplus },
  { type: 'Sqrt', op: 'sqrt', apply: ops.sqrt },
  { type: 'Tanh', op: 'tanh', apply: ops.tanh },
];
