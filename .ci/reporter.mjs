// @ts-check
/* Prints each test as a line of JSON when it begins and when it ends, so that a job can name the test that hangs. */

/**
 * @typedef {object} TestLine
 * @property {'began' | 'passed' | 'failed' | 'skipped' | 'end'} test
 * @property {string} [name] the names of its suites, and its own
 * @property {string} [text] its error, or why it was skipped
 */

const MARK = '{"test":';

/** @param {TestLine} line */
const print = (line) => `${JSON.stringify(line)}\n`;

/**
 * @param {string} output of a test file that ran with this reporter
 * @returns {{ tests: TestLine[], rest: string[] }} its tests, and all other lines
 */
export function readTests(output) {
  const lines = output.split(/\r?\n/);
  // A process that was killed may leave half a line.
  const whole = lines.filter((line) => line.startsWith(MARK) && line.endsWith('}'));
  return {
    tests: whole.map((line) => JSON.parse(line)),
    rest: lines.filter((line) => !line.startsWith(MARK)),
  };
}

/** @param {AsyncIterable<{ type: string, data: any }>} events of node:test */
export default async function* report(events) {
  // What runs, and what is reported: a test is reported when all tests before it are.
  const stacks = { run: /** @type {string[]} */ ([]), told: /** @type {string[]} */ ([]) };
  const nameOf = (/** @type {string[]} */ stack, /** @type {any} */ { nesting, name }) => {
    stack.length = nesting;
    stack.push(name);
    return stack.join(' > ');
  };
  for await (const { type, data } of events) {
    if (type === 'test:dequeue') yield print({ test: 'began', name: nameOf(stacks.run, data) });
    if (type !== 'test:pass' && type !== 'test:fail') {
      if (type === 'test:start') nameOf(stacks.told, data);
      continue;
    }
    const error = data.details?.error;
    const name = nameOf(stacks.told, data);
    // A suite passes or fails with its tests, which have been reported.
    if (error ? error.failureType === 'subtestsFailed' : data.details?.type === 'suite' && !data.skip)
      continue;
    if (data.skip !== undefined || data.todo !== undefined)
      yield print({ test: 'skipped', name, text: String(data.skip ?? data.todo) });
    else if (type === 'test:pass') yield print({ test: 'passed', name });
    else {
      const cause = error?.cause ?? error;
      yield print({ test: 'failed', name, text: String(cause?.stack ?? cause) });
    }
  }
  yield print({ test: 'end' });
}
