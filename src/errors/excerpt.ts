/** Longest excerpt, in characters. */
const MOST = 200;
/** Longest quoted text, in characters. */
const QUOTED = 80;

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

/** Quotes a name or text from a file for a message: shortened, with control characters escaped or replaced. */
export function quoted(text: string): string {
  const cut = text.length > QUOTED ? `${text.slice(0, QUOTED)}…` : text;
  return JSON.stringify(cut).replaceAll(/\p{Cc}/gu, '?');
}
