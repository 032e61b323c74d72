/* The part of `node:fs` that the conformance suite uses, for a worker of a page: fixtures come from the server. */

declare const XMLHttpRequest: new () => {
  readonly responseText: string;
  readonly status: number;
  open(method: string, url: string, async: boolean): void;
  send(): void;
};

export function readFileSync(url: URL): string {
  const request = new XMLHttpRequest();
  request.open('GET', String(url), false);
  request.send();
  if (request.status !== 200) throw new Error(`${url}: status ${request.status}`);
  return request.responseText;
}
