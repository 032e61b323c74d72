import { useEffect, useRef, useState } from 'preact/hooks';
import type { EventOf, Input, InputArgument, RouteWith } from '../../serve/route-table.js';
import { addressOf } from '../lib/address.js';

/** State of a stream of server-sent events. `waiting`: the connection was lost and the browser is retrying. */
export type Connection = 'connecting' | 'open' | 'waiting';

/** Time after which a hidden page closes its stream: a browser allows six connections per server across all tabs. */
const HIDDEN_MS = 30_000;
/** First delay before we reopen a stream that the browser has given up. */
const AGAIN_MS = 2000;

/**
 * Follows a stream. The browser reconnects with `Last-Event-ID`, but not after an error answer; then a new stream is
 * opened that continues after the last event.
 *
 * @param input undefined: no stream
 * @param types the stream's `event:` names
 * @param options.hidden keep the stream while the page is hidden
 * @param gap called after a reconnect: events without an id may have been missed
 */
export function useEvents<R extends RouteWith<'events'>>(
  route: R,
  input: Input<R> | undefined,
  types: readonly EventOf<R>['event'][],
  hear: (event: EventOf<R>) => void,
  gap: () => void = () => undefined,
  { hidden: keep = false }: { readonly hidden?: boolean } = {},
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
      if (document.hidden && !keep) hidden = setTimeout(() => source.close(), HIDDEN_MS);
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
