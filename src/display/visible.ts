/** Whether a text has anything that can be seen: not only spaces, control characters and marks without width. */
export const isVisible = (text: string): boolean => /[^\p{C}\p{Z}\s]/u.test(text);
