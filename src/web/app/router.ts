import { useEffect, useState } from 'preact/hooks';
import { parseRoute, type Route } from '../lib/route.js';

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const follow = () => setHash(location.hash);
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return parseRoute(hash);
}

export function go(href: string): void {
  location.hash = href;
}

/** Replaces the current address without adding to the history. */
export function replace(href: string): void {
  history.replaceState(null, '', href);
  dispatchEvent(new HashChangeEvent('hashchange'));
}
