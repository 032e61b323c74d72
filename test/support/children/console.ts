import koffi from 'koffi';
import { runCli } from '../cli.js';

/*
 * Runs the command line on Windows in this process's console, and presses Ctrl-C or Ctrl-Break there after the second step:
 * console.js KEY ARGS…. Prints how it ended, as JSON. Its own console is what it needs: the keys reach all of its processes.
 */
const [key, ...args] = process.argv.slice(2);
const KEYS: Readonly<Record<string, number>> = { 'Ctrl-C': 0, 'Ctrl-Break': 1 };
for (const signal of ['SIGINT', 'SIGBREAK'] as const) process.on(signal, () => {});

const press = koffi.load('kernel32.dll').func('int GenerateConsoleCtrlEvent(uint32_t, uint32_t)');
const result = await runCli(args, {
  timeoutMs: 120_000,
  onStart: (child) => {
    let seen = '';
    child.stdout!.on('data', (text: string) => {
      if (seen.includes('"step":2,')) return;
      seen += text;
      if (seen.includes('"step":2,') && press(KEYS[key!]!, 0) === 0) child.kill();
    });
  },
});
console.log(JSON.stringify(result));
