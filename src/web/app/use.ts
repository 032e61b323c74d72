import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiFailure } from './api.js';

/** State of a request. */
export interface Loaded<T> {
  readonly value: T | undefined;
  readonly failure: ApiFailure | undefined;
  readonly loading: boolean;
  readonly reload: () => void;
}

export const failureOf = (error: unknown): ApiFailure =>
  error instanceof ApiFailure ? error : new ApiFailure({ what: String(error) }, -1);

interface State<T> {
  readonly key?: string;
  readonly value?: T;
  readonly failure?: ApiFailure;
}

/**
 * Loads data whenever `key` changes and aborts the previous request. The last value is kept until the next one for the
 * same key arrives; nothing is loaded while `key` is undefined.
 *
 * @param keep whether to keep the value also across keys, until the new one arrives
 */
export function useLoad<T>(
  key: string | undefined,
  load: (signal: AbortSignal) => Promise<T>,
  { keep = false }: { keep?: boolean } = {},
): Loaded<T> {
  const [state, setState] = useState<State<T>>({});
  const [turn, setTurn] = useState(0);
  const [loading, setLoading] = useState(key !== undefined);
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    if (key === undefined) return;
    const controller = new AbortController();
    setLoading(true);
    latest.current(controller.signal).then(
      (value) => {
        if (controller.signal.aborted) return;
        setState({ key, value });
        setLoading(false);
      },
      (error) => {
        if (controller.signal.aborted) return;
        // The old value stays visible beside the error.
        setState((before) => ({
          key,
          failure: failureOf(error),
          ...(before.key === key && before.value !== undefined ? { value: before.value } : {}),
        }));
        setLoading(false);
      },
    );
    return () => controller.abort();
  }, [key, turn]);
  const reload = useCallback(() => setTurn((n) => n + 1), []);
  const mine = state.key === key || (keep && state.failure === undefined);
  return {
    value: mine ? state.value : undefined,
    failure: mine ? state.failure : undefined,
    loading: key !== undefined && (loading || !mine),
    reload,
  };
}

/** The value once it has been unchanged for some time. */
export function useSettled<T>(value: T, milliseconds: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return settled;
}

/** The current width of an element. */
export function useWidth(): [(element: Element | null) => void, number] {
  const [width, setWidth] = useState(0);
  const observer = useRef<ResizeObserver | undefined>(undefined);
  const ref = useCallback((element: Element | null) => {
    observer.current?.disconnect();
    if (!element) return;
    observer.current = new ResizeObserver(([entry]) => setWidth(Math.round(entry!.contentRect.width)));
    observer.current.observe(element);
  }, []);
  return [ref, width];
}

/** Calls `body` periodically while `active` is true and the page is visible. */
export function useEvery(milliseconds: number, active: boolean, body: () => void): void {
  useEffect(() => {
    if (!active) return;
    const timer = setInterval(() => {
      if (!document.hidden) body();
    }, milliseconds);
    return () => clearInterval(timer);
  }, [milliseconds, active, body]);
}

/** The current time, updated periodically, for "5 minutes ago". */
export function useNow(every = 30_000): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}
