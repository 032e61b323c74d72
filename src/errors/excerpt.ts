/** Longest excerpt, in characters. */
const MOST = 200;

/** A value of untrusted input as JSON, for an error message: truncated if long, described if nested too deeply. */
export function excerpt(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    return 'a value that is nested too deeply';
  }
  if (text === undefined) return 'none';
  return text.length > MOST ? `${text.slice(0, MOST)}…` : text;
}
