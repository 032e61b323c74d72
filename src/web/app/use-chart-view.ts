import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { type ChartView, queryOf, viewOf } from '../lib/curves/chart-view.js';

/** Time without a change before the address is written: browsers limit how often it may change. */
const SETTLE_MS = 250;

type Query = Readonly<Record<string, string | undefined>>;

/**
 * The state of charts, kept in the address.
 *
 * @param write puts the changed part of the query into the address
 */
export function useChartView(
  query: Query,
  write: (query: Record<string, string | undefined>) => void,
): [ChartView, (change: Partial<ChartView>) => void] {
  const [view, setView] = useState(() => viewOf(query));
  const text = JSON.stringify(queryOf(viewOf(query)));
  const written = useRef(text);
  const latest = useRef(write);
  latest.current = write;
  // An address that was opened, such as by going back, wins.
  useEffect(() => {
    if (text === written.current) return;
    written.current = text;
    setView(viewOf(query));
  }, [text]);
  useEffect(() => {
    const timer = setTimeout(() => {
      const next = queryOf(view);
      const nextText = JSON.stringify(next);
      if (nextText === written.current) return;
      written.current = nextText;
      latest.current(next);
    }, SETTLE_MS);
    return () => clearTimeout(timer);
  }, [view]);
  const change = useCallback((next: Partial<ChartView>) => setView((before) => ({ ...before, ...next })), []);
  return [view, change];
}
