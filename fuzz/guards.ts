import childProcess from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';
import vm from 'node:vm';

/** What an input could reach, if it were run instead of read: each is replaced by something that tells. */
const DOORS: readonly (readonly [object, readonly string[]])[] = [
  [childProcess, ['exec', 'execFile', 'execFileSync', 'execSync', 'fork', 'spawn', 'spawnSync']],
  [vm, ['runInThisContext', 'runInNewContext', 'runInContext', 'compileFunction', 'Script']],
  [process, ['binding', 'dlopen', 'exit', 'reallyExit', 'chdir', 'abort', 'setuid']],
  [globalThis, ['eval', 'fetch']],
];

/** Whose properties every object shares. */
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

/** Watches that nothing is run or changed that belongs to the process. */
export class Guards {
  readonly #undo: (() => void)[] = [];
  readonly #called: string[] = [];
  readonly #before: Map<object, Map<PropertyKey, unknown>>;

  constructor() {
    for (const [object, names] of DOORS)
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

  /** What was run or changed since the last call; undefined for nothing. */
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
      return `changed ${changed.map(String).join(', ')} of what every object shares`;
    }
    return undefined;
  }

  close(): void {
    for (const undo of this.#undo) undo();
    syncBuiltinESMExports();
  }
}
