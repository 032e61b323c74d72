import { PaperweightError } from '../src/errors/errors.js';
import type { Target } from './target.js';

/** Longest allowed error message, whatever the input. */
const LONGEST_MESSAGE = 8192;

/** A message without its variable parts. */
export const shapeOf = (message: string): string =>
  message
    .slice(0, 400)
    .replaceAll(/"[^"]*"|'[^']*'|\[[^\]]*\]/g, '~')
    .replaceAll(/[\d.+-]+/g, '0')
    .slice(0, 160);

/** The outcome of reading an input. */
export interface Outcome {
  readonly kind: string;
  readonly accepted: boolean;
  readonly failure?: string;
}

/** Reads one input and classifies the outcome. */
export async function tryInput(target: Target, input: Uint8Array): Promise<Outcome> {
  try {
    const said = target.run(input.slice());
    return { kind: `ok ${typeof said === 'string' ? said : await said}`, accepted: true };
  } catch (error) {
    if (!(error instanceof PaperweightError)) {
      const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
      const where = /\n\s+at [^\n]*\/dist\/(?:src|fuzz)\/[^\n]*/.exec(stack ?? '')?.[0].trim() ?? '';
      return { kind: 'failure', accepted: false, failure: `${name}: ${message.slice(0, 300)} ${where}` };
    }
    if (error.message.length > LONGEST_MESSAGE)
      return {
        kind: 'failure',
        accepted: false,
        failure: `a message of more than ${LONGEST_MESSAGE} characters: ${shapeOf(error.message)}`,
      };
    const first =
      error.got
        ?.split('\n', 2)
        .join(' ')
        .replace(/Unexpected .*|Expected .*/, '') ?? '';
    return { kind: `${error.name} ${shapeOf(error.what)} ${shapeOf(first)}`, accepted: false };
  }
}
