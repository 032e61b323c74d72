import childProcess from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';
import vm from 'node:vm';

/** Functions that an input could call if it were executed as code; each is replaced by a function that records the call. */
const GUARDED: readonly (readonly [object, readonly string[]])[] = [
  [childProcess, ['exec', 'execFile', 'execFileSync', 'execSync', 'fork', 'spawn', 'spawnSync']],
  [vm, ['runInThisContext', 'runInNewContext', 'runInContext', 'compileFunction', 'Script']],
  [process, ['binding', 'dlopen', 'exit', 'reallyExit', 'chdir', 'abort', 'setuid']],
  [globalThis, ['eval', 'fetch']],
];

/** Shared objects, such as prototypes, that an input could modify. */
const SHARED: readonly object[] = [
  Object,
  Array,
  Function,
  String,
  Number,
  Boolean,
  RegExp,
  Map,
  Set,
  Promise,
  Error,
  Uint8Array,
  Buffer,
].flatMap((kind) => [kind, kind.prototype]);

function snapshot(): Map<object, Map<PropertyKey, unknown>> {
  const own = (object: object) =>
    new Map<PropertyKey, unknown>(
      Reflect.ownKeys(object).map((key) => {
        const { value, get } = Object.getOwnPropertyDescriptor(object, key)!;
        return [key, value ?? get];
      }),
    );
  return new Map([globalThis, ...SHARED].map((object) => [object, own(object)]));
}

/** Detects whether an input calls a guarded function or changes a shared object. */
export class Guards {
  readonly #undo: (() => void)[] = [];
  readonly #called: string[] = [];
  readonly #before: Map<object, Map<PropertyKey, unknown>>;

  constructor() {
    for (const [object, names] of GUARDED)
      for (const name of names) {
        const real = Reflect.get(object, name) as unknown;
        if (typeof real !== 'function') continue;
        Reflect.set(object, name, (): never => {
          this.#called.push(name);
          throw new Error(`${name} was called`);
        });
        this.#undo.push(() => Reflect.set(object, name, real));
      }
    syncBuiltinESMExports();
    this.#before = snapshot();
  }

  /** The guarded calls and changes since the last call; undefined if there are none. */
  check(): string | undefined {
    const called = this.#called.splice(0);
    if (called.length > 0) return `called ${[...new Set(called)].join(', ')}`;
    const after = snapshot();
    for (const [object, before] of this.#before) {
      const now = after.get(object)!;
      const changed = [...new Set([...before.keys(), ...now.keys()])].filter(
        (key) => !Object.is(before.get(key), now.get(key)),
      );
      if (changed.length === 0) continue;
      for (const key of changed) if (!before.has(key)) Reflect.deleteProperty(object, key);
      return `changed ${changed.map(String).join(', ')} of shared objects`;
    }
    return undefined;
  }

  close(): void {
    for (const undo of this.#undo) undo();
    syncBuiltinESMExports();
  }
}
