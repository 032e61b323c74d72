import type { z } from 'zod';

/** What an issue expected, such as "one of relu, tanh". */
export function expectedBy(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value') {
    const values = issue.values.map(String);
    return values.length === 1 ? values[0]! : `one of ${values.join(', ')}`;
  }
  if (issue.code === 'invalid_union' && 'options' in issue && Array.isArray(issue.options))
    return `one of ${issue.options.join(', ')}`;
  return issue.message.replace(/^[\w ]+: expected /, '').replace(/, received .*$/, '');
}
