/** What the browser remembers. A browser that forbids it (private windows, blocked cookies) just forgets. */
export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(`paperweight.${key}`, value);
  } catch {
    // Nothing depends on it.
  }
}

export function recall(key: string): string | undefined {
  try {
    return localStorage.getItem(`paperweight.${key}`) ?? undefined;
  } catch {
    return undefined;
  }
}
