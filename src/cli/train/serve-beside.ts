import { fork } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { PaperweightError } from '../../errors/errors.js';
import { printable } from '../../errors/printable.js';
import { shellWord } from '../../errors/shell-word.js';
import { ownCommand } from '../terminal/command.js';
import { note } from '../terminal/output.js';

/** Default port of `--serve`; fixed, so that the address stays the same. */
const DEFAULT_PORT = 8321;

/**
 * Starts the dashboard beside a training, in its own process so that it does not slow the training down. It ends when
 * this process ends.
 *
 * @param run the run's folder
 * @returns a function that stops the dashboard
 * @throws PaperweightError if it cannot start, for example because the port is in use
 */
export async function serveBeside(
  run: string,
  { port, control }: { readonly port: number | true; readonly control: boolean },
): Promise<() => Promise<void>> {
  const runs = dirname(run);
  const main = fileURLToPath(new URL('../main.js', import.meta.url));
  const args = [String(port === true ? DEFAULT_PORT : port), ...(control ? ['--control'] : [])];
  const child = fork(main, ['serve', runs, '--port', ...args], { execArgv: [], silent: true });
  let complaints = '';
  const listen = (text: string) => (complaints += text);
  child.stderr!.setEncoding('utf8').on('data', listen);
  const exited = once(child, 'exit');
  const lines = createInterface(child.stdout!);
  const address = await Promise.race([once(lines, 'line'), exited.then(() => undefined)]);
  if (!address) {
    // The process may exit before its last output has been read.
    if (!child.stderr!.readableEnded) await once(child.stderr!, 'end');
    throw new PaperweightError({
      what: 'The dashboard could not be started',
      got: complaints
        .trim()
        .replace(/^error: /, '')
        .replace(/ Next: .*/, ''),
      next: `continue with --resume --run ${shellWord(printable(run))} and another --serve port, or without --serve`,
    });
  }
  // From here on it prints errors of single requests, which do not affect the training.
  child.stderr!.off('data', listen).on('data', (text: string) => note(text.trimEnd()));
  note(`Dashboard: ${address[0]}`);
  return async () => {
    if (child.connected) child.disconnect();
    await exited;
    note(`The dashboard has ended with the training. To open it again: ${ownCommand('serve', runs)}`);
  };
}
