import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { UsageError } from '../errors/errors.js';
import { printable } from '../errors/printable.js';
import { onEvent } from './on-event.js';
import { examples, filled, integer, pathName } from './options/options.js';
import { describeError } from './print-error.js';
import { ownCommand } from './terminal/command.js';
import { onInterrupt } from './terminal/interrupt.js';
import { note, print } from './terminal/output.js';

/** Shorter tokens could be found by brute force. */
const MIN_TOKEN = 16;

export const port = (flag: string) => integer(flag, { min: 0, max: 65_535 });

interface Flags {
  readonly port: number;
  readonly host: string;
  /** False: `--no-token`. */
  readonly token?: string | false;
  readonly control?: boolean;
  readonly onEvent?: string;
}

/** Token if `--token` is not given. Other users of the machine can read command lines, but not the environment. */
const TOKEN_VARIABLE = 'PAPERWEIGHT_TOKEN';

const token =
  (source: string) =>
  (text: string): string => {
    if (/^[\w.~-]+$/.test(text) && text.length >= MIN_TOKEN) return text;
    throw new UsageError({
      what: `${source} cannot be used`,
      expected: `at least ${MIN_TOKEN} letters, digits, ".", "_", "~" or "-"`,
      got: `${text.length} characters`,
      next: `give a longer one, or leave ${source} out to have one generated`,
    });
  };

/**
 * The token required by the dashboard. Other users of this machine can connect to 127.0.0.1, so a token is generated
 * if the pages can change runs, as well as if other machines can reach the address.
 */
function tokenOf(flags: Flags, reachable: boolean): string | undefined {
  if (flags.token === false) return undefined;
  const kept = process.env[TOKEN_VARIABLE];
  if (flags.token !== undefined) return flags.token;
  if (kept) return token(TOKEN_VARIABLE)(kept);
  return reachable || flags.control ? randomBytes(24).toString('base64url') : undefined;
}

export function register(program: Command): void {
  program
    .command('serve')
    .summary('show runs in the browser')
    .description(
      'Starts a local web server that shows runs during and after training. Other machines can reach it only with --host. With --host or --control it requires a token, which is part of the printed link.',
    )
    .argument('[runs]', 'folder that holds the runs', pathName('runs'), 'runs')
    .option('--port <n>', 'port to listen on; 0 for any free port', port('--port'), 8321)
    .option(
      '--host <address>',
      'address to listen on; any but 127.0.0.1 requires a token',
      filled('--host'),
      '127.0.0.1',
    )
    .option(
      '--token <text>',
      `token to require (default: ${TOKEN_VARIABLE}, or generated and printed in the link with --control or --host)`,
      token('--token'),
    )
    .option('--no-token', 'with --control: let every user of this machine change and delete runs')
    .option('--control', 'let the pages rename, tag, delete, pause, resume and stop runs (default: off)')
    .option(
      '--on-event <command>',
      'shell command to run when a run ends, fails, stalls or diverges. Environment variables describe the run: PAPERWEIGHT_EVENT (done, failed, interrupted, stalled or diverged), PAPERWEIGHT_RUN, PAPERWEIGHT_RUN_NAME, PAPERWEIGHT_RUN_PATH, PAPERWEIGHT_STEP and PAPERWEIGHT_ERROR (default: none)',
    )
    .addHelpText(
      'after',
      examples(
        'paperweight serve',
        'paperweight serve runs --port 0 --control',
        process.platform === 'win32'
          ? 'paperweight serve --on-event notify.cmd'
          : `paperweight serve --on-event 'notify-send "$PAPERWEIGHT_RUN: $PAPERWEIGHT_EVENT"'`,
      ),
    )
    .action(serve);
}

async function serve(root: string, flags: Flags): Promise<void> {
  const [{ Dashboard }, { isLoopback }, { version }, { papers }] = await Promise.all([
    import('../serve/http/server.js'),
    import('../serve/http/guard.js'),
    import('../version.js'),
    import('../serve/routes/paper-source.js'),
  ]);
  const token = tokenOf(flags, !isLoopback(flags.host));
  const dashboard = await Dashboard.open({
    root,
    host: flags.host,
    port: flags.port,
    token,
    control: flags.control ?? false,
    version: version(),
    papers,
    ...(flags.onEvent === undefined ? {} : { onAlert: onEvent(flags.onEvent, root, note) }),
    onError: (error) => note(describeError(error).text),
  });
  if (!existsSync(root)) note(`${printable(root)} does not exist yet; runs will appear when it is created.`);
  const [deeper] = await runsBelow(root);
  if (deeper)
    note(
      `${printable(root)} contains no runs; to show those in ${printable(deeper)}: ${ownCommand('serve', deeper)}`,
    );
  for (const address of addresses(flags.host, dashboard.address))
    print(`http://${address}:${dashboard.port}/${token === undefined ? '' : `?token=${token}`}`);
  if (flags.control && token === undefined)
    note('--no-token: every user of this machine can change and delete these runs.');
  const beside = process.channel !== undefined;
  if (!beside) note('Press Ctrl-C to stop.');
  await new Promise<void>((resolve) => {
    // Started by `train`, it runs until the training has saved its state, and ends with it.
    onInterrupt(
      () => {
        if (!beside) resolve();
      },
      // Continues when the reader of the address has gone: `paperweight serve | head -1`.
      { reader: false },
    );
    process.once('SIGTERM', () => resolve());
    process.once('disconnect', () => resolve());
  });
  await dashboard.close();
}

/**
 * Hosts for the printed links. A wildcard address such as 0.0.0.0 is replaced by the addresses of this machine, with
 * the loopback address last.
 *
 * @param host as given on the command line
 * @param bound address that the server listens on
 */
export function addresses(
  host: string,
  bound: string,
  interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces(),
): string[] {
  const inLink = (address: string): string => (address.includes(':') ? `[${address}]` : address);
  if (bound !== '0.0.0.0' && bound !== '::') return [inLink(host)];
  const own = Object.values(interfaces)
    .flatMap((one) => one ?? [])
    // A link-local address needs the name of an interface, which no browser takes.
    .filter((one) => !one.internal && !/^fe[89ab]/i.test(one.address))
    // Where all IPv6 addresses are listened on, so are the IPv4 ones.
    .filter((one) => bound === '::' || one.family === 'IPv4')
    .map(({ address }) => address);
  return [...new Set(own), '127.0.0.1'].map(inLink);
}

/** Subfolders that contain runs, for a folder without runs itself; `reproduce` creates one per paper. */
async function runsBelow(root: string): Promise<string[]> {
  const folders = async (path: string): Promise<string[]> => {
    const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(path, name));
  };
  const isRun = (path: string): boolean => existsSync(join(path, 'config.json'));
  const own = await folders(root);
  if (own.some(isRun)) return [];
  const inside = await Promise.all(own.map(folders));
  return own.filter((_, i) => inside[i]!.some(isRun));
}
