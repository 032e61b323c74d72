import sharp from 'sharp';
import { escapeXml, shorten } from '../display/svg-text.js';
import type { Piece } from './copies.js';
import type { SiteContent } from './page-types.js';

/** The image that a link to the site is shown with elsewhere: 1200 × 630 pixels. */
export async function previewImage({ title = 'Paperweight', papers }: SiteContent): Promise<Piece> {
  const names = papers.map((paper) => paper.title).join(' · ');
  const claims = papers.reduce((sum, paper) => sum + paper.claims.length, 0);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="1200" height="630" viewBox="0 0 1200 630">
<rect width="1200" height="630" fill="#fbf9f4"/>
<g transform="translate(90 96) scale(4)"><path fill="#2a5a98" d="M3 24a13 13 0 0 1 26 0z"/><path fill="#f0bd6b" d="M9 24a7 7 0 0 1 14 0z"/><rect fill="#8f887b" x="2" y="25.5" width="28" height="2.5" rx="1.25"/></g>
<g font-family="Source Serif 4, Noto Serif CJK SC, Georgia, serif">
<text x="98" y="340" font-size="84" font-weight="600" fill="#1d1b18">${escapeXml(shorten(title, 24))}</text>
<text x="100" y="420" font-size="36" fill="#4a453e">${escapeXml(shorten(names, 60))}</text>
<text x="100" y="480" font-size="36" fill="#4a453e">${claims} claims, measured again</text>
</g></svg>`;
  return { path: 'assets/preview.png', bytes: await sharp(Buffer.from(svg)).png().toBuffer() };
}
