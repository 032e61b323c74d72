import { useEffect, useRef, useState } from 'preact/hooks';
import type { EventOf, Input, InputArgument, RouteWith } from '../../serve/route-table.js';
import { addressOf } from '../lib/address.js';

/** How a stream of server-sent events fares. `waiting`: lost, and the browser is trying again. */
export type Connection = 'connecting' | 'open' | 'waiting';

/** A page in the background keeps its stream this long: a browser has six connections to a server for all tabs. */
const HIDDEN_MS = 30_000;
/** First wait after which we open a stream ourselves, because the browser has given up. */
const AGAIN_MS = 2000;

/**
 * Follows a stream. The browser reconnects by itself with `Last-Event-ID`; after an error answer it does not, so
 * a new stream is opened then, from the last event that came.
 *
 * @param input undefined: no stream
 * @param types the stream's `event:` names
 * @param gap called when the stream is back: events without an id may have been missed
 */
export function useEvents<R extends RouteWith<'events'>>(
  route: R,
  input: Input<R> | undefined,
  types: readonly EventOf<R>['event'][],
  hear: (event: EventOf<R>) => void,
  gap: () => void = () => undefined,
): Connection {
  const [connection, setConnection] = useState<Connection>('connecting');
  const latest = useRef(hear);
  latest.current = hear;
  const latestGap = useRef(gap);
  latestGap.current = gap;
  const names = types.join(' ');
  const url = input && addressOf(route, ...([input] as InputArgument<R>));
  useEffect(() => {
    if (url === undefined) return;
    let source: EventSource;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let lastId = '';
    let opened = false;
    const listen = (message: MessageEvent<string>) => {
      if (message.lastEventId !== '') lastId = message.lastEventId;
      latest.current(JSON.parse(message.data) as EventOf<R>);
    };
    const open = () => {
      source = new EventSource(lastId === '' ? url : withAfter(url, lastId));
      source.onopen = () => {
        setConnection('open');
        if (opened) latestGap.current();
        opened = true;
      };
      source.onerror = () => {
        setConnection('waiting');
        if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, AGAIN_MS);
      };
      for (const name of names.split(' ')) source.addEventListener(name, listen);
    };
    let hidden: ReturnType<typeof setTimeout> | undefined;
    const look = () => {
      clearTimeout(hidden);
      if (document.hidden) hidden = setTimeout(() => source.close(), HIDDEN_MS);
      else if (source.readyState === EventSource.CLOSED) {
        clearTimeout(timer);
        open();
      }
    };
    setConnection('connecting');
    open();
    document.addEventListener('visibilitychange', look);
    return () => {
      clearTimeout(timer);
      clearTimeout(hidden);
      document.removeEventListener('visibilitychange', look);
      source.close();
    };
  }, [url, names]);
  return connection;
}

function withAfter(url: string, id: string): string {
  const address = new URL(url, location.href);
  address.searchParams.set('after', id);
  return address.pathname + address.search;
}
