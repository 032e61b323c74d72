import { join } from 'node:path';
import { z } from 'zod';
import { SERIES_COLOURS } from '../../display/series-colours.js';
import { sized } from '../../errors/sized.js';
import { writeFileAtomic } from '../../files/atomic.js';
import type { RunChange } from '../api.js';
import { readSmall } from './path-containment.js';
import { parseJson } from './tail.js';

const text = (most: number) => sized(z.string().trim(), 1, most);

/** Name, tags, note and colour that a user has given a run: `label.json` in its folder, and the body of a change. */
export const labelSchema = z
  .object({
    name: text(200).optional(),
    tags: sized(z.array(text(50)), 0, 20).optional(),
    note: sized(z.string().trim(), 0, 4000).optional(),
    color: z.number().int().min(0).max(SERIES_COLOURS).optional(),
  })
  .strict() satisfies z.ZodType<RunChange>;
export type Label = z.infer<typeof labelSchema>;

/** @param folder real path of the run; a missing or unreadable label is empty */
export async function readLabel(folder: string): Promise<Label> {
  const text = await readSmall(folder, 'label.json').catch(() => undefined);
  return parseLabel(text ?? '');
}

/** Parses a `label.json`; an empty label if it is not valid. */
export const parseLabel = (text: string): Label => labelSchema.safeParse(parseJson(text)).data ?? {};

/** Changes the given fields and keeps the others. */
export async function changeLabel(folder: string, change: RunChange): Promise<void> {
  const label = { ...(await readLabel(folder)), ...change };
  const tags = label.tags && [...new Set(label.tags)];
  await writeFileAtomic(
    join(folder, 'label.json'),
    `${JSON.stringify({ ...label, ...(tags ? { tags } : {}) })}\n`,
  );
}
