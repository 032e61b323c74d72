import type { Operator, Rule, ValueKind, ValueType } from '../operator.js';
import type { NodeProto } from '../proto.js';
import { isFloatType } from '../tensor.js';
import { activations } from './activations.js';
import { elementwise } from './elementwise.js';
import { integers } from './integers.js';
import { layers } from './layers.js';
import { losses } from './losses.js';
import { masks } from './masks.js';
import { MOST_PARTS, moves } from './moves.js';
import { norms } from './norms.js';
import { orders } from './order.js';
import { pools } from './pooling.js';
import { recurrents } from './recurrent.js';
import { reductions } from './reductions.js';
import { resizes } from './resize.js';
import { scatters } from './scatters.js';
import { shapes } from './shapes.js';

const floats: Readonly<Record<string, Rule>> = {
  ...layers,
  ...norms,
  ...pools,
  ...elementwise,
  ...activations,
  ...shapes,
  ...moves,
  ...scatters,
  ...losses,
  ...reductions,
  ...orders,
  ...recurrents,
  ...resizes,
};

/** Values of `TensorProto.DataType`. */
const [FLOAT, INT64, BOOL] = [1, 7, 9];

/** Operators handled by the importer itself. */
const OWN = ['Constant', 'If'];

/** Supported operators, in alphabetical order. */
export const supported: readonly string[] = [
  ...new Set([...Object.keys(floats), ...Object.keys(integers), ...Object.keys(masks), ...OWN]),
].sort();

/** The rule for an operator with a result of the given kind, if supported. */
export function ruleFor(type: string, kind: ValueKind): Rule | undefined {
  const rules = { float: floats, integer: integers, mask: masks }[kind];
  return Object.hasOwn(rules, type) ? rules[type] : undefined;
}

/** Trainable inputs by operator: they become parameters; other constants become buffers. */
const LEARNED: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  Gemm: [1, 2],
  MatMul: [0, 1],
  BatchNormalization: [1, 2],
  PRelu: [1],
  LayerNormalization: [1, 2],
  RMSNormalization: [1],
  InstanceNormalization: [1, 2],
  GroupNormalization: [1, 2],
  RNN: [1, 2, 3],
  GRU: [1, 2, 3],
  LSTM: [1, 2, 3],
};
/** Running statistics, which become buffers even if they have one element. */
const KEPT: Readonly<Record<string, readonly number[]>> = { BatchNormalization: [3, 4] };

/** Inputs that must be known when the graph is built. */
const KNOWN: Readonly<Record<string, readonly number[]>> = {
  Resize: [1, 2],
  Upsample: [1],
  Clip: [1, 2],
  Pad: [2],
  Range: [0, 1, 2],
  Dropout: [1],
  TopK: [1],
  CumSum: [1],
  OneHot: [1, 2],
};

/** Role of a constant: parameter (`learned`), buffer (`kept`), or constant of the graph (`known`). */
export type Role = 'learned' | 'kept' | 'known' | undefined;

/** Role of an operator's input. */
export function roleOf(type: string, position: number): Role {
  if (Object.hasOwn(LEARNED, type) && LEARNED[type]!.includes(position)) return 'learned';
  if (Object.hasOwn(KEPT, type) && KEPT[type]!.includes(position)) return 'kept';
  return Object.hasOwn(KNOWN, type) && KNOWN[type]!.includes(position) ? 'known' : undefined;
}

/** Type of an operator's result, inferred from its inputs. */
export function resultType(proto: NodeProto, operator: Operator): ValueType {
  const inputs = operator.inputTypes.filter((each) => each !== undefined);
  const own = operator.inputTypes[DATA[proto.type] ?? 0] ?? { kind: 'float', type: FLOAT };
  const known = inputs.every(({ kind }) => kind === 'integer');
  if (proto.type === 'Shape' || proto.type === 'Size') return { kind: 'integer', type: INT64 };
  if (TRUTH.has(proto.type)) return { kind: known ? 'integer' : 'mask', type: BOOL };
  if (proto.type === 'TopK' && operator.output === 1) return { kind: 'mask', type: INT64 };
  if (proto.type === 'ArgMax' || proto.type === 'ArgMin') return { kind: 'mask', type: INT64 };
  if (proto.type === 'ConstantOfShape') {
    const value = proto.attributes.get('value');
    const type = value?.kind === 'tensor' ? value.value.type : FLOAT;
    return { kind: isFloatType(type) === false ? 'integer' : 'float', type };
  }
  if (proto.type === 'Cast' || proto.type === 'CastLike') {
    const to = proto.attributes.get('to');
    const type = proto.type === 'CastLike' ? inputs[1]?.type : to?.kind === 'int' ? to.value : undefined;
    const float = type === undefined ? undefined : isFloatType(type);
    if (float === undefined)
      return operator.refuse('the type that it casts to', 'one that can be read here', String(type));
    return { kind: float ? 'float' : own.kind === 'integer' ? 'integer' : 'mask', type };
  }
  if (own.kind === 'integer' && !known) {
    const rest = inputs.filter(({ kind }) => kind !== 'integer');
    // Integers mixed with floats, or selected by a computed mask: no rule supports them.
    if (rest.some(({ kind }) => kind === 'mask')) return { kind: 'mask', type: own.type };
  }
  return own;
}

/** Index of the input that determines the type of the result, if not the first. */
const DATA: Readonly<Record<string, number>> = { Where: 1, OneHot: 2 };
const TRUTH = new Set([
  'Equal',
  'Less',
  'LessOrEqual',
  'Greater',
  'GreaterOrEqual',
  'And',
  'Or',
  'Xor',
  'Not',
  'IsNaN',
  'IsInf',
]);

/** Number of supported results of an operator. */
export function computedOutputs(type: string): number {
  return Object.hasOwn(OUTPUTS, type) ? OUTPUTS[type]! : 1;
}
const OUTPUTS: Readonly<Record<string, number>> = {
  Split: MOST_PARTS,
  TopK: 2,
  LayerNormalization: 3,
  RNN: 2,
  GRU: 2,
  LSTM: 3,
  SoftmaxCrossEntropyLoss: 2,
};
