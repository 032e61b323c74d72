import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import type { RunAlert } from '../serve/api.js';

/** Commands that run at the same time; further events wait. */
const MOST = 4;

/**
 * Free text as the value of a variable, which cannot hold a zero byte. cmd.exe puts variables into the command before it
 * reads it: there a quote would end "%PAPERWEIGHT_ERROR%", and a line break the command.
 *
 * @param platform replaces the system's name in tests
 */
export const variable = (text: string, platform: NodeJS.Platform = process.platform): string =>
  platform === 'win32' ? text.replaceAll('"', "'").replaceAll(/\p{Cc}+/gu, ' ') : text.replaceAll('\0', '');

/**
 * Runs the user's command for each event. What comes from runs is passed in variables, never as part of the command.
 *
 * @param command a command of the shell
 * @param root folder of the runs
 * @param note called if the command fails
 */
export function onEvent(command: string, root: string, note: (text: string) => void) {
  const waiting: RunAlert[] = [];
  let running = 0;
  const next = (): void => {
    const alert = running < MOST ? waiting.shift() : undefined;
    if (!alert) return;
    running++;
    const child = spawn(command, {
      shell: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        ...process.env,
        PAPERWEIGHT_EVENT: alert.kind,
        PAPERWEIGHT_RUN: alert.id,
        PAPERWEIGHT_RUN_NAME: variable(alert.name),
        PAPERWEIGHT_RUN_PATH: resolve(root, alert.id),
        PAPERWEIGHT_STEP: String(alert.step),
        PAPERWEIGHT_ERROR: variable(alert.error ?? ''),
      },
    });
    let complaint = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(-500);
    });
    let over = false;
    const end = (problem: string | undefined): void => {
      if (over) return;
      over = true;
      running--;
      if (problem !== undefined) note(`--on-event failed for ${alert.id} (${alert.kind}): ${problem}`);
      next();
    };
    child.once('error', (error) => end(error.message));
    child.once('close', (code, signal) =>
      end(code === 0 ? undefined : complaint.trim() || `exit code ${code ?? signal}`),
    );
  };
  return (alert: RunAlert): void => {
    waiting.push(alert);
    next();
  };
}
