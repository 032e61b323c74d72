import type { Observer } from '../run/events.js';

/** Combines several observers into one, which calls them in order. */
export function together(observers: readonly Observer[]): Required<Observer> {
  const all = (tell: (observer: Observer) => void): void => observers.forEach(tell);
  return {
    line: (text) => all((o) => o.line?.(text)),
    note: (text) => all((o) => o.note?.(text)),
    step: (event, progress) => all((o) => o.step?.(event, progress)),
    epoch: (event) => all((o) => o.epoch?.(event)),
    evaluating: (images, total) => all((o) => o.evaluating?.(images, total)),
    counting: (images, total) => all((o) => o.counting?.(images, total)),
    checkpoint: (file) => all((o) => o.checkpoint?.(file)),
    insight: (insight) => all((o) => o.insight?.(insight)),
    kernels: (kernels) => all((o) => o.kernels?.(kernels)),
    samples: (samples) => all((o) => o.samples?.(samples)),
  };
}
