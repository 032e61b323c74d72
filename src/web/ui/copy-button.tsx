import { useState } from 'preact/hooks';
import { useApp } from '../app/context.js';
import { Icon } from './icon.js';

/** Copies a text; without permission to copy, says so. */
export function CopyButton({
  text,
  label,
  done,
  failed,
}: {
  text: () => string;
  label: string;
  done: string;
  failed: string;
}) {
  const { announce, showToast } = useApp();
  const [copied, setCopied] = useState(false);
  return (
    <button
      type="button"
      onClick={() => {
        // Without https the browser has no clipboard.
        const write = navigator.clipboard?.writeText(text()) ?? Promise.reject(new Error('no clipboard'));
        write.then(
          () => {
            setCopied(true);
            announce(done);
          },
          () => showToast({ text: failed }),
        );
      }}
    >
      <Icon name={copied ? 'check' : 'link'} /> {copied ? done : label}
    </button>
  );
}
