import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Starts the dashboard of a runs folder in a separate process, on a free port. */
export async function startDashboard(runs: string): Promise<{ server: ChildProcess; address: string }> {
  const main = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));
  const server = spawn(process.execPath, [main, 'serve', runs, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [address] = (await once(createInterface({ input: server.stdout }), 'line')) as [string];
  return { server, address };
}
