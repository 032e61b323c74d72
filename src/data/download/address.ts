/** An address, or a text with one, without the user's name and password, and without the values of its query. */
export const withoutCredentials = (text: string): string =>
  text
    .replaceAll(/\/\/[^/?#\s]*@/g, '//***@')
    .replaceAll(/\?[^#\s]+/g, (query) => query.replaceAll(/([?&][^=&]*=|[?&])[^&]*/g, withoutValue));

/** A field of a query; one without a name is all value. */
const withoutValue = (_: string, name: string): string => `${name}***`;

/** An address as `fetch` takes it: name and password go into a header. */
export function requestOf(address: string): {
  readonly url: string;
  readonly headers: Record<string, string>;
} {
  const url = new URL(address);
  const { username, password } = url;
  if (username === '' && password === '') return { url: address, headers: {} };
  url.username = url.password = '';
  const pair = `${decoded(username)}:${decoded(password)}`;
  return { url: url.href, headers: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` } };
}

/** A part of an address; a % that begins no code stays. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
