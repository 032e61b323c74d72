import type uPlot from 'uplot';
import { pan, type Range, zoom } from '../../lib/range.js';

/** Current state of a chart for its gestures. */
export interface View {
  readonly range: Range;
  readonly bounds: Range;
  readonly change: (range: Range) => void;
  /** Length of the shortest visible range. */
  readonly closest: number;
}

/** A page scroll that moves over a chart within this time does not zoom it. */
const PASSING_MS = 220;
let lastScroll = 0;
addEventListener('scroll', () => (lastScroll = performance.now()), { passive: true, capture: true });

/** Wheel (zoom, sideways pan), shift-drag (pan), pinch and one-finger drag. Drag without shift is uPlot's own. */
export function attachGestures(over: HTMLElement, plot: uPlot, view: () => View): () => void {
  const controller = new AbortController();
  const options = { signal: controller.signal };
  const stepAt = (clientX: number) => plot.posToVal(clientX - over.getBoundingClientRect().left, 'x');

  over.addEventListener(
    'wheel',
    (event) => {
      const { range, bounds, change, closest } = view();
      if (performance.now() - lastScroll < PASSING_MS) return;
      const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        const next = pan(range, sideways / over.clientWidth, bounds);
        if (next.from === range.from) return;
        event.preventDefault();
        return change(next);
      }
      const pixels = event.deltaMode === 1 ? event.deltaY * 16 : event.deltaY;
      const next = zoom(range, Math.exp(pixels / 400), stepAt(event.clientX), bounds, closest);
      // Cannot zoom further: let the page scroll.
      if (next.from === range.from && next.to === range.to) return;
      event.preventDefault();
      change(next);
    },
    { ...options, passive: false },
  );

  over.addEventListener(
    'mousedown',
    (event) => {
      if (!(event.shiftKey || event.button === 1)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      const { range: start, bounds, change } = view();
      const from = event.clientX;
      const move = (moved: MouseEvent) =>
        change(pan(start, (from - moved.clientX) / over.clientWidth, bounds));
      const end = () => {
        removeEventListener('mousemove', move);
        removeEventListener('mouseup', end);
      };
      addEventListener('mousemove', move, options);
      addEventListener('mouseup', end, options);
    },
    { ...options, capture: true },
  );

  attachTouch(over, view, stepAt, options);
  return () => controller.abort();
}

function attachTouch(
  over: HTMLElement,
  view: () => View,
  stepAt: (clientX: number) => number,
  options: { signal: AbortSignal },
): void {
  let start: { range: Range; x: number; spread: number; anchor: number } | undefined;
  const measure = (touches: TouchList) => {
    const xs = [...touches].map((touch) => touch.clientX);
    const x = xs.reduce((sum, each) => sum + each, 0) / xs.length;
    return { x, spread: xs.length > 1 ? Math.max(24, Math.abs(xs[0]! - xs[1]!)) : 1 };
  };
  const begin = (event: TouchEvent) => {
    if (event.touches.length === 0) {
      start = undefined;
      return;
    }
    const { x, spread } = measure(event.touches);
    start = { range: view().range, x, spread, anchor: stepAt(x) };
  };
  over.addEventListener('touchstart', begin, { ...options, passive: true });
  over.addEventListener('touchend', begin, { ...options, passive: true });
  over.addEventListener(
    'touchmove',
    (event) => {
      if (!start) return;
      const { bounds, change, closest } = view();
      const { x, spread } = measure(event.touches);
      const zoomed = zoom(start.range, start.spread / spread, start.anchor, bounds, closest);
      if (event.touches.length > 1) event.preventDefault();
      change(pan(zoomed, (start.x - x) / over.clientWidth, bounds));
    },
    { ...options, passive: false },
  );
}

/** Handles a key of a focused chart. Returns true if it was used. */
export function keyGesture(key: string, { range, bounds, change, closest }: View): boolean {
  const middle = (range.from + range.to) / 2;
  const length = range.to - range.from;
  const gestures: Record<string, () => Range> = {
    '+': () => zoom(range, 0.6, middle, bounds, closest),
    '=': () => zoom(range, 0.6, middle, bounds, closest),
    '-': () => zoom(range, 1 / 0.6, middle, bounds, closest),
    ArrowLeft: () => pan(range, -0.2, bounds),
    ArrowRight: () => pan(range, 0.2, bounds),
    Home: () => ({ from: bounds.from, to: bounds.from + length }),
    End: () => ({ from: bounds.to - length, to: bounds.to }),
    '0': () => bounds,
    Escape: () => bounds,
  };
  const gesture = gestures[key];
  if (!gesture) return false;
  change(gesture());
  return true;
}
