/** Limits of the server. */
export const LONGEST_TAG = 50;
export const MOST_TAGS = 20;

/** Tags in a text, separated by commas. */
export const tagsIn = (text: string): string[] => [
  ...new Set(
    text
      .split(/[,，]/)
      .map((tag) => tag.trim())
      .filter(Boolean),
  ),
];
