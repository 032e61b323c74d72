const stack: string[] = [];

/** Path of the module whose forward pass is running, such as `features.3`; empty outside of modules. */
export const currentScope = (): string => stack.at(-1) ?? '';

/** Runs `body` with `scope` as the module path that errors and profiles name. */
export function withScope<T>(scope: string, body: () => T): T {
  stack.push(scope);
  try {
    return body();
  } finally {
    stack.pop();
  }
}
