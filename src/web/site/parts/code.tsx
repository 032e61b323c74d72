import type { SiteCode } from '../../../site/page-types.js';
import { highlight } from '../lib/highlight.js';

/** A source file, highlighted. */
export function Code({ code: { file, text } }: { code: SiteCode }) {
  const language = /\.m?[jt]sx?$/.test(file) ? 'typescript' : '';
  return (
    <section class="code-file" aria-label={file}>
      <h3>
        <code>{file}</code>
      </h3>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, also by keys. */}
      <pre tabIndex={0}>
        <code class="hljs" dangerouslySetInnerHTML={{ __html: highlight(text, language) }} />
      </pre>
    </section>
  );
}
