let scope = '';

/** Path of the module whose forward pass is running, such as `features.3`; empty outside of modules. */
export const currentScope = (): string => scope;

/** Runs `body` with `path` as the module path that errors and profiles name. */
export function withScope<T>(path: string, body: () => T): T {
  const before = scope;
  scope = path;
  try {
    return body();
  } finally {
    scope = before;
  }
}
