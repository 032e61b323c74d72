/** Characters of a value that a message shows. */
const MOST = 200;

/** A value from outside as JSON, for a message: cut where it is long, and named where it goes too deep to be written. */
export function excerpt(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    return 'something that goes very deep';
  }
  if (text === undefined) return 'none';
  return text.length > MOST ? `${text.slice(0, MOST)}…` : text;
}
