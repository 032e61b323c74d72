import { fork } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { PaperweightError } from '../../errors/errors.js';
import { note } from '../terminal/output.js';

/** Port where `--serve` names none; any other that is free would be hard to find again. */
const DEFAULT_PORT = 8321;

/**
 * Starts the dashboard beside a training, in a process of its own so that it takes no time from it. It ends with
 * this process, however that ends.
 *
 * @param run the run's folder
 * @returns ends the dashboard
 * @throws PaperweightError when it cannot start, such as on a port that is used
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
    // The process may be gone before its last words are here.
    if (!child.stderr!.readableEnded) await once(child.stderr!, 'end');
    throw new PaperweightError({
      what: 'The dashboard could not be started',
      got: complaints
        .trim()
        .replace(/^error: /, '')
        .replace(/ Next: .*/, ''),
      next: `go on with --resume --run ${run} and another --serve port, or without --serve`,
    });
  }
  // From here on it says what goes wrong with a request; nothing that the training stands still for.
  child.stderr!.off('data', listen).on('data', (text: string) => note(text.trimEnd()));
  note(`Dashboard: ${address[0]}`);
  return async () => {
    if (child.connected) child.disconnect();
    await exited;
    note(`The dashboard has ended with the training. To look at it again: paperweight serve ${runs}`);
  };
}
