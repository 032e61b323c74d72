import { basename, dirname } from 'node:path';
import { TITLES } from '../../papers/build-page.js';
import type { PaperDraft } from '../../papers/scaffold.js';
import type { Piece } from '../copies.js';
import { openRenderer } from '../renderer.js';
import { imageOf } from './images.js';

/** A draft whose images are figures of its paper. */
export interface WithFigures {
  readonly draft: PaperDraft;
  readonly figures: readonly Piece[];
  readonly problems: readonly string[];
}

/** Takes the images of a draft's note into `figures/`, and names them there. @param file of the note */
export async function withFigures(draft: PaperDraft, file: string): Promise<WithFigures> {
  const figures = new Map<string, Piece>();
  const titles: Record<string, { en: string; zh: string }> = {};
  const problems: string[] = [];
  let { notes } = draft;
  const named = (await openRenderer()).imagesIn(notes);
  if (!named) problems.push(`${file}: its Markdown is nested too deeply; its images are left out`);
  for (const href of named ?? []) {
    const found = await imageOf(dirname(file), href, 'figures');
    if ('problem' in found) {
      problems.push(`${file}: ${found.problem}`);
      continue;
    }
    const { path } = found.piece;
    figures.set(path, found.piece);
    const escaped = href.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
    const image = new RegExp(`(!\\[([^\\]]*)\\]\\(\\s*)<?${escaped}>?`, 'g');
    notes = notes.replaceAll(image, (_, start: string, alt: string) => {
      const title = alt.trim() || basename(path);
      titles[basename(path)] = { en: title, zh: title };
      return `${start}${path}`;
    });
  }
  const list = { path: `figures/${TITLES}`, bytes: Buffer.from(`${JSON.stringify(titles, null, 2)}\n`) };
  return {
    draft: { ...draft, notes },
    figures: figures.size === 0 ? [] : [...figures.values(), list],
    problems,
  };
}
