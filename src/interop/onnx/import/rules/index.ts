import type { Operator, Rule, ValueKind } from '../operator.js';
import type { NodeProto } from '../proto.js';
import { isFloatType } from '../tensor.js';
import { elementwise } from './elementwise.js';
import { integers } from './integers.js';
import { layers } from './layers.js';
import { pools } from './pooling.js';
import { shapes } from './shapes.js';

const floats: Readonly<Record<string, Rule>> = { ...layers, ...pools, ...elementwise, ...shapes };

/** Read by the importer itself. */
const OWN = ['Constant', 'If'];

/** Operators that an import knows, in the order of the alphabet. */
export const supported: readonly string[] = [
  ...new Set([...Object.keys(floats), ...Object.keys(integers), ...OWN]),
].sort();

/** The rule for an operator whose result is of some kind, if there is one. */
export function ruleFor(type: string, kind: ValueKind): Rule | undefined {
  const rules = kind === 'float' ? floats : integers;
  return Object.hasOwn(rules, type) ? rules[type] : undefined;
}

/** Inputs that are learned, by operator: they become parameters, and other constants buffers. */
const LEARNED: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2],
  Gemm: [1, 2],
  MatMul: [0, 1],
  BatchNormalization: [1, 2],
  PRelu: [1],
};
/** Running statistics, which are kept even where there is one channel. */
const KEPT: Readonly<Record<string, readonly number[]>> = { BatchNormalization: [3, 4] };

export type Role = 'learned' | 'kept' | undefined;

/** What an input is for. */
export function roleOf(type: string, position: number): Role {
  if (Object.hasOwn(LEARNED, type) && LEARNED[type]!.includes(position)) return 'learned';
  return Object.hasOwn(KEPT, type) && KEPT[type]!.includes(position) ? 'kept' : undefined;
}

/** The kind of an operator's first result. */
export function resultKind(proto: NodeProto, operator: Operator): ValueKind {
  const [first] = operator.inputKinds;
  if (proto.type === 'Shape' || proto.type === 'Equal') return 'integer';
  if (proto.type === 'ConstantOfShape') {
    const value = proto.attributes.get('value');
    return value?.kind === 'tensor' && isFloatType(value.value.type) === false ? 'integer' : 'float';
  }
  if (proto.type !== 'Cast') return first ?? 'float';
  const to = proto.attributes.get('to');
  const float = to?.kind === 'int' ? isFloatType(to.value) : undefined;
  if (float === undefined)
    operator.refuse('attribute "to"', 'a type that can be read here', JSON.stringify(to?.value));
  return float ? 'float' : 'integer';
}
