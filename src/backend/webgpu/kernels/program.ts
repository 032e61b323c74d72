import type { DType } from '../../../graph/types.js';
import { functionsFor } from './wgsl.js';

/**
 * A kernel, without the places of its operands. Its code reads element i of operand k with `in<k>(i)`, and writes it with
 * `put<k>(i, v)`; bytes are written as words of four. `param(n)` is the text of a number that is passed with the step.
 */
export interface Program {
  /** Name, shown in profiles. */
  readonly kernel: string;
  readonly inputs: readonly DType[];
  readonly outputs: readonly DType[];
  /** Number of `param` values. */
  readonly params: number;
  /** Extensions of WGSL that the code needs. */
  readonly enable?: readonly string[];
  readonly code: string;
}

/** WGSL type of an element. */
export const typeOf = (dtype: DType): string =>
  dtype === 'int32' ? 'i32' : dtype === 'uint8' ? 'u32' : 'f32';

/** The text of a number that is passed with the step. */
export const param = (n: number): string => `P[${n >> 2}].${'xyzw'[n & 3]}`;

/** A binding of a program: a range of a buffer. */
export interface Slot {
  readonly name: string;
  readonly writable: boolean;
}

/** How the operands of a program are bound. */
export interface Access {
  readonly dtype: DType;
  /** Whether its float32 elements are stored in float16. */
  readonly half: boolean;
  /** Elements of each binding (words, for bytes); several if the value is larger than a binding may be. */
  readonly piece: number;
  readonly pieces: number;
  /** The output in whose binding the value lies. */
  readonly through?: number;
  /** The number of the `param` with the value's distance from the start of the binding, in elements. */
  readonly distance?: number;
}

/** WGSL that makes `i`, the position in the binding, from the position in the value. */
const offsetOf = ({ distance }: Access): string =>
  distance === undefined ? 'let i = place;' : `let i = place + ${param(distance)};`;

/**
 * Complete WGSL for a program whose operands are bound in a given way, and its bindings in order.
 * @param inputs undefined for those that the code does not read
 */
export function assembleCode(
  { code, params, enable = [] }: Program,
  inputs: readonly (Access | undefined)[],
  outputs: readonly Access[],
): { readonly code: string; readonly slots: readonly Slot[] } {
  const slots: Slot[] = [];
  const lines: string[] = [];
  const declare = (name: string, { dtype, half, pieces }: Access, writable: boolean): void => {
    for (let p = 0; p < pieces; p++) {
      const slot = { name: `${name}_${p}`, writable };
      lines.push(
        `@group(0) @binding(${slots.length}) var<storage, ${writable ? 'read_write' : 'read'}> ${slot.name}: array<${half ? 'f16' : typeOf(dtype)}>;`,
      );
      slots.push(slot);
    }
  };
  /** A chain of pieces: `last` is used for the rest. */
  const chosen = (
    name: string,
    { piece, pieces }: Access,
    use: (array: string, at: string) => string,
  ): string =>
    Array.from({ length: pieces }, (_, p) => {
      const body = use(`${name}_${p}`, p === 0 ? 'i' : `i - ${p * piece}u`);
      return p < pieces - 1 ? `if (i < ${(p + 1) * piece}u) { ${body} }` : body;
    }).join(' ');
  const word = (access: Access, at: string): string => (access.dtype === 'uint8' ? `word${at}` : `in${at}`);
  outputs.forEach((access, k) => {
    const type = typeOf(access.dtype);
    declare(`O${k}`, access, true);
    const offset = offsetOf(access);
    lines.push(
      `fn put${k}(place: u32, v: ${type}) { ${offset} ${chosen(`O${k}`, access, (a, at) => `${a}[${at}] = ${access.half ? 'toHalf(v)' : 'v'}; return;`)} }`,
    );
  });
  inputs.forEach((access, k) => {
    if (!access) return;
    const type = typeOf(access.dtype);
    const { through } = access;
    if (through === undefined) declare(`I${k}`, access, false);
    const array = through === undefined ? `I${k}` : `O${through}`;
    const offset = offsetOf(access);
    lines.push(
      `fn ${word(access, `${k}`)}(place: u32) -> ${type} { ${offset} ${chosen(array, access, (a, at) => (access.half ? `return f32(${a}[${at}]);` : `return ${a}[${at}];`))} }`,
    );
    if (access.dtype === 'uint8')
      lines.push(`fn in${k}(i: u32) -> u32 { return (word${k}(i >> 2u) >> (8u * (i & 3u))) & 255u; }`);
  });
  const all = [...inputs, ...outputs].flatMap((access) => access ?? []);
  const distances = all.map(({ distance = -1 }) => distance + 1);
  const uniforms = Math.max(params, ...distances);
  if (uniforms > 0)
    lines.push(
      `@group(0) @binding(${slots.length}) var<uniform> P: array<vec4u, ${Math.ceil(uniforms / 4)}>;`,
    );
  const needed = all.some(({ half }) => half) ? [...enable, 'f16'] : enable;
  const extensions = needed.map((name) => `enable ${name};\n`).join('');
  const text = `${lines.join('\n')}\n${code}`;
  return { code: `${extensions}${functionsFor(text)}\n${text}`, slots };
}
