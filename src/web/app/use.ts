import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiFailure } from './api.js';

/** What a request has come to. */
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
 * Loads when `key` changes; an older request is given up. The last value stays until there is a new one for the
 * same key; `key` undefined loads nothing.
 *
 * @param keep whether a value stays until that of a new key is there, because both are of the same subject
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
        // What was there stays on the page beside the error.
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

/** The value after it has stayed the same for a while. */
export function useSettled<T>(value: T, milliseconds: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return settled;
}

/** The width of an element, followed as it changes. */
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

/** Calls `body` again and again while it is `active` and somebody may be looking. */
export function useEvery(milliseconds: number, active: boolean, body: () => void): void {
  useEffect(() => {
    if (!active) return;
    const timer = setInterval(() => {
      if (!document.hidden) body();
    }, milliseconds);
    return () => clearInterval(timer);
  }, [milliseconds, active, body]);
}

/** Time, for "5 minutes ago". */
export function useNow(every = 30_000): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}
