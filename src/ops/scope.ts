const stack: string[] = [];

/** Module path that operations are being called in, such as `features.3`. */
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
