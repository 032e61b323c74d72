/** Settings in localStorage. If the browser blocks it (private windows, blocked cookies), nothing is stored. */
export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(`paperweight.${key}`, value);
  } catch {
    // Nothing depends on stored settings.
  }
}

export function recall(key: string): string | undefined {
  try {
    return localStorage.getItem(`paperweight.${key}`) ?? undefined;
  } catch {
    return undefined;
  }
}
