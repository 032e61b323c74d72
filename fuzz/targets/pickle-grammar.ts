import type { Generator } from '../../src/random.js';
import { bytesOf, joined } from '../bytes.js';
import { pick } from '../mutate.js';

const latin1 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));
/** A short string in pickle protocol 2. */
const text = (value: string): Uint8Array =>
  joined(Uint8Array.of(0x58, value.length, 0, 0, 0), bytesOf(value));
const name = (module: string, attribute: string): Uint8Array => latin1(`c${module}\n${attribute}\n`);

/** Names that a pickle must not be able to load. */
export const FORBIDDEN = [
  ['os', 'system'],
  ['posix', 'system'],
  ['builtins', 'eval'],
  ['builtins', 'getattr'],
  ['subprocess', 'Popen'],
  ['torch', 'load'],
  ['torch', '__proto__'],
  ['torch', 'constructor'],
  ['collections', 'toString'],
  ['torch._utils', 'hasOwnProperty'],
] as const;
const ALLOWED = [
  ['collections', 'OrderedDict'],
  ['torch._utils', '_rebuild_tensor_v2'],
  ['torch._utils', '_rebuild_parameter'],
  ['torch', 'FloatStorage'],
  ['torch', 'float32'],
  ['torch', 'Size'],
] as const;

/** Opcodes and complete values for building pickles. */
export const PARTS: readonly Uint8Array[] = [
  ...[...'(01NJKMGXUTCB]ae)t}su\x85\x86\x87\x88\x89\x8a\x8c\x8d\x8e\x93\x94\x95qrhjcRbQ.'].map(latin1),
  ...[...FORBIDDEN, ...ALLOWED].map(([module, attribute]) => name(module, attribute)),
  ...['a', '0', 'cpu', 'storage', '__proto__', 'state_dict', 'module.a'].map(text),
  ...[
    'K\u0000',
    'K\u0001',
    'K\u0006',
    'q\u0000',
    'h\u0000',
    '\x80\u0002',
    '\x8a\u0001\xff',
    'J\xff\xff\xff\xff',
  ].map(latin1),
  joined(
    latin1('('),
    text('storage'),
    name('torch', 'FloatStorage'),
    text('0'),
    text('cpu'),
    latin1('K\u0006tQ'),
  ),
  joined(latin1('K\u0002K\u0003\x86'), latin1('K\u0003K\u0001\x86')),
  joined(name('collections', 'OrderedDict'), latin1(')R')),
];

const TENSOR = joined(
  name('torch._utils', '_rebuild_tensor_v2'),
  latin1('(('),
  text('storage'),
  name('torch', 'FloatStorage'),
  text('0'),
  text('cpu'),
  latin1('K\u0006tQK\u0000K\u0002K\u0003\x86K\u0003K\u0001\x86\x89'),
  name('collections', 'OrderedDict'),
  latin1(')RtR'),
);
/** Complete pickles to start from. */
export const PICKLES = [
  joined(latin1('\x80\u0002}'), text('a'), TENSOR, latin1('s.')),
  joined(latin1('\x80\u0002}('), text('a'), TENSOR, text('b'), latin1('K\u0005u.')),
  joined(latin1('\x80\u0002'), name('os', 'system'), latin1('('), text('x'), latin1('tR.')),
  joined(latin1('\x80\u0004\x95\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u0000}\x94.')),
];

const STORAGES = [
  'FloatStorage',
  'HalfStorage',
  'LongStorage',
  'BoolStorage',
  'UntypedStorage',
  'constructor',
];
const NUMBERS = [
  'K\u0000',
  'K\u0001',
  'K\u0002',
  'K\u0006',
  'M\xff\xff',
  'J\xff\xff\xff\x7f',
  'J\xff\xff\xff\xff',
  'N',
];

function tuple(random: Generator): Uint8Array {
  const sizes = Array.from({ length: random.integer(4) }, () => latin1(pick(random, NUMBERS)));
  return joined(latin1('('), ...sizes, latin1('t'));
}

/** A tensor with a storage; its numbers may be inconsistent. */
const tensorOf = (random: Generator): Uint8Array =>
  joined(
    name('torch._utils', pick(random, ['_rebuild_tensor', '_rebuild_tensor_v2', '_rebuild_tensor_v3'])),
    latin1('(('),
    text('storage'),
    name('torch', pick(random, STORAGES)),
    text(pick(random, ['0', '1', '__proto__'])),
    text('cpu'),
    latin1(`${pick(random, NUMBERS)}tQ${pick(random, NUMBERS.slice(0, 3))}`),
    tuple(random),
    tuple(random),
    latin1('\x89'),
    name('collections', 'OrderedDict'),
    latin1(')R'),
    random.integer(2) === 0 ? name('torch', pick(random, ['float32', 'int64', 'complex64'])) : latin1(''),
    latin1('tR'),
  );

/** A random complete value. */
function anyValue(random: Generator, depth: number): Uint8Array {
  switch (random.integer(depth > 0 ? 8 : 3)) {
    case 0:
      return latin1(pick(random, NUMBERS));
    case 1:
      return text(pick(random, ['a', 'state_dict', 'module.a', '__proto__', 'x'.repeat(200)]));
    case 2:
      return random.integer(3) === 0 ? tensorOf(random) : TENSOR;
    case 3:
      return joined(latin1(']('), anyValue(random, depth - 1), anyValue(random, depth - 1), latin1('e'));
    case 4:
      return joined(latin1('('), anyValue(random, depth - 1), latin1('t'));
    case 5:
      // A dictionary that contains itself.
      return joined(latin1('}q\u0001'), text('me'), latin1('h\u0001s'));
    default: {
      const empty =
        random.integer(2) === 0 ? latin1('}') : joined(name('collections', 'OrderedDict'), latin1(')R'));
      const pairs = Array.from({ length: random.integer(4) }, (_, i) =>
        joined(text(pick(random, ['model', 'net', `k${i}`])), anyValue(random, depth - 1)),
      );
      return joined(empty, latin1('('), ...pairs, latin1('u'));
    }
  }
}

/** A pickle of a dictionary with a random value. */
export const anyDictionary = (random: Generator): Uint8Array =>
  joined(latin1('\x80\u0002}('), text('a'), TENSOR, text('b'), anyValue(random, 4), latin1('u.'));

/** Inserts parts into the pickle that begins somewhere in `input`, or overwrites bytes with them. */
export function patched(input: Uint8Array, random: Generator, grows: boolean): Uint8Array {
  let bytes = input;
  const begin = Math.max(0, Buffer.from(bytes).indexOf(Uint8Array.of(0x80, 2)));
  for (let left = 1 + random.integer(4); left > 0; left--) {
    const part = pick(random, PARTS);
    const at = Math.min(
      bytes.length,
      begin + random.integer(Math.max(1, Math.min(300, bytes.length - begin))),
    );
    const over = grows ? pick(random, [0, 0, 1, part.length]) : part.length;
    bytes = joined(bytes.subarray(0, at), part, bytes.subarray(at + over));
  }
  return grows ? bytes : bytes.slice(0, input.length);
}
