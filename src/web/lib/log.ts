import type { LogLine } from '../../serve/api.js';

/** Notes about normal progress; all other notes are warnings. */
const REPORTS = [/^Epoch \d+\b/, /^(Paused|Going on) after step/, /^Asked to stop/, /^Resumed?\b/];

/** Kind of a log line: other output, a progress report such as that of an epoch, or a warning. */
export function kindOf({ event, text }: LogLine): 'line' | 'report' | 'warning' {
  if (event === 'line') return 'line';
  return REPORTS.some((report) => report.test(text)) ? 'report' : 'warning';
}
