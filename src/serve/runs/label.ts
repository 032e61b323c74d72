import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../files/atomic.js';
import { sized } from '../../sized.js';
import type { RunChange } from '../api.js';
import { readSmall } from './path-containment.js';
import { parseJson } from './tail.js';

const text = (most: number) => sized(z.string().trim(), 1, most);

/** What a person calls a run: `label.json` in its folder, and the body of a change to it. */
export const labelSchema = z
  .object({ name: text(200).optional(), tags: sized(z.array(text(50)), 0, 20).optional() })
  .strict() satisfies z.ZodType<RunChange>;
export type Label = z.infer<typeof labelSchema>;

/** @param folder real path of the run; nothing in it that can be read is no label */
export async function readLabel(folder: string): Promise<Label> {
  const text = await readSmall(folder, 'label.json').catch(() => undefined);
  return parseLabel(text ?? '');
}

/** The content of a `label.json`; an empty label for a text that is none. */
export const parseLabel = (text: string): Label => labelSchema.safeParse(parseJson(text)).data ?? {};

/** Changes what is given, and keeps the rest. */
export async function changeLabel(folder: string, change: RunChange): Promise<void> {
  const label = { ...(await readLabel(folder)), ...change };
  const tags = label.tags && [...new Set(label.tags)];
  await writeFileAtomic(
    join(folder, 'label.json'),
    `${JSON.stringify({ ...label, ...(tags ? { tags } : {}) })}\n`,
  );
}
