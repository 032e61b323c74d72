/** The value of a custom property of the page, such as `--ink`. */
export const css = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();
