import type { LogLine } from '../../serve/api.js';

/** Notes that tell how the run goes on; other notes are about something that deserves attention. */
const REPORTS = [/^Epoch \d+\b/, /^(Paused|Going on) after step/, /^Asked to stop/, /^Resumed?\b/];

/** How a line of the log is shown: what the notes print, a report such as that of an epoch, or a warning. */
export function kindOf({ event, text }: LogLine): 'line' | 'report' | 'warning' {
  if (event === 'line') return 'line';
  return REPORTS.some((report) => report.test(text)) ? 'report' : 'warning';
}
