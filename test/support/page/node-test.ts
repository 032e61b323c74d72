/* The part of `node:test` that the conformance suite uses, for a page: tests are registered, then run in order. */

type Body = () => unknown;
interface Options {
  readonly skip?: boolean | string;
}
interface Group {
  readonly name: string;
  readonly before: Body[];
  readonly after: Body[];
  readonly parts: (() => Promise<void>)[];
}

export interface Result {
  readonly name: string;
  /** Why it failed. */
  readonly error?: string;
}

const results: Result[] = [];
const group = (name: string): Group => ({ name, before: [], after: [], parts: [] });
const root = group('');
let current = root;

async function run({ before: first, parts, after: last }: Group): Promise<void> {
  for (const body of first) await body();
  for (const part of parts) await part();
  for (const body of last) await body();
}

/** The arguments after a name: a body, or options and a body. */
type Rest = [Body] | [Options, Body];
const bodyOf = (rest: Rest): Body | undefined => {
  const [first, second] = rest;
  if (!second) return first as Body;
  return (first as Options).skip ? undefined : second;
};

export function describe(name: string, ...rest: Rest): void {
  const body = bodyOf(rest);
  if (!body) return;
  const outer = current;
  current = group(`${outer.name}${name} › `);
  body();
  const made = current;
  outer.parts.push(() => run(made));
  current = outer;
}

export function it(name: string, ...rest: Rest): void {
  const body = bodyOf(rest);
  if (!body) return;
  const full = `${current.name}${name}`;
  current.parts.push(async () => {
    try {
      await body();
      results.push({ name: full });
    } catch (error) {
      results.push({ name: full, error: String((error as Error)?.stack ?? error) });
    }
  });
}

export const test = it;
export const before = (body: Body): void => void current.before.push(body);
export const after = (body: Body): void => void current.after.push(body);

/** Runs all tests. */
export async function runAll(): Promise<Result[]> {
  await run(root);
  return results;
}
