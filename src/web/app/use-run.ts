import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { EpochEvent, StepEvent } from '../../run/events.js';
import type { LogLine, RunDetail, RunEvent, RunStatus } from '../../serve/api.js';
import { type ApiFailure, get } from './api.js';
import { type Connection, useEvents } from './events.js';
import { useLoad } from './use.js';

/** Approximate number of steps over which the current rate is averaged. */
const RATE_STEPS = 20;
const MOST_LINES = 1000;
const DRAW_MS = 250;
const READING_MS = 1500;

/** A run's current state: the loaded data updated by its event stream. */
export interface LiveRun {
  readonly detail: RunDetail | undefined;
  readonly failure: ApiFailure | undefined;
  readonly reload: () => void;
  readonly status: RunStatus;
  readonly error: string | undefined;
  readonly lastStep: StepEvent | undefined;
  /** Seconds per step, averaged over the last steps. */
  readonly stepSeconds: number | undefined;
  readonly epochs: readonly EpochEvent[];
  /** Log lines received by the stream. */
  readonly lines: readonly LogLine[];
  /** Increases with each insight written. */
  readonly insights: number;
  readonly connection: Connection;
  readonly following: boolean;
  /** Number of reconnects; events without an id may have been missed. */
  readonly gaps: number;
  /** Subscribes to new steps and resets. */
  readonly listen: (listener: Listener) => () => void;
  readonly setStatus: (status: RunStatus) => void;
}

export interface Listener {
  readonly step: (event: StepEvent) => void;
  /** A step without a finite loss. */
  readonly gap: (step: number) => void;
  readonly reset: (step: number) => void;
}

interface State {
  status: RunStatus;
  error?: string;
  lastStep?: StepEvent;
  stepSeconds?: number;
  epochs: readonly EpochEvent[];
  lines: readonly LogLine[];
  insights: number;
}

const NAMES = ['step', 'gap', 'epoch', 'line', 'note', 'status', 'insight', 'reset'] as const;

const startOf = (detail: RunDetail): State => ({
  status: detail.status,
  ...(detail.error === undefined ? {} : { error: detail.error }),
  ...(detail.lastStep ? { lastStep: detail.lastStep, stepSeconds: detail.lastStep.stepSeconds } : {}),
  epochs: detail.epochEvents,
  lines: [],
  insights: 0,
});

/** Applies an event to the state. */
function advance(state: State, event: RunEvent): State {
  switch (event.event) {
    case 'step': {
      const before = state.stepSeconds ?? event.stepSeconds;
      return {
        ...state,
        lastStep: event,
        stepSeconds: before + (event.stepSeconds - before) / RATE_STEPS,
        // A step shows that the process is running; a pause is reported by a status.
        status: state.status === 'interrupted' ? 'training' : state.status,
      };
    }
    case 'epoch':
      return { ...state, epochs: [...state.epochs.filter((each) => each.step < event.step), event] };
    case 'status':
      return { ...state, status: event.status, ...(event.error === undefined ? {} : { error: event.error }) };
    case 'gap':
      return state;
    case 'insight':
      return { ...state, insights: state.insights + 1 };
    case 'reset':
      return { ...state, epochs: state.epochs.filter((each) => each.step <= event.step) };
    default:
      return { ...state, lines: [...state.lines, event].slice(-MOST_LINES) };
  }
}

export function useRun(id: string): LiveRun {
  const { value, failure, reload } = useLoad(id, (signal) =>
    get('GET /api/runs/:id', { params: { id } }, signal),
  );
  const [state, setState] = useState<State>();
  const [gaps, setGaps] = useState(0);
  const listeners = useRef(new Set<Listener>());
  const waiting = useRef<RunEvent[]>([]);
  useEffect(() => {
    if (value) setState((before) => ({ ...startOf(value), lines: before?.lines ?? [] }));
  }, [value]);
  // A fast run makes a thousand steps per second; the page updates four times.
  useEffect(() => {
    const timer = setInterval(() => {
      const events = waiting.current;
      if (events.length === 0) return;
      waiting.current = [];
      setState((before) => before && events.reduce(advance, before));
    }, DRAW_MS);
    return () => clearInterval(timer);
  }, []);
  // User programs (Logger) have no stream of steps.
  const again = value?.reading || (value?.kind && value.status === 'training') ? value : undefined;
  useEffect(() => {
    if (!again) return;
    const timer = setTimeout(reload, READING_MS);
    return () => clearTimeout(timer);
  }, [again, reload]);
  const following =
    value !== undefined && value.lines !== undefined && value.status !== 'done' && value.status !== 'failed';
  const connection = useEvents(
    'GET /api/runs/:id/events',
    following ? { params: { id }, query: { after: value.lines! } } : undefined,
    NAMES,
    (event) => {
      waiting.current.push(event);
      for (const listener of listeners.current) {
        if (event.event === 'step') listener.step(event);
        if (event.event === 'gap') listener.gap(event.step);
        if (event.event === 'reset') listener.reset(event.step);
      }
    },
    () => setGaps((n) => n + 1),
  );
  const listen = useCallback((listener: Listener) => {
    listeners.current.add(listener);
    return () => void listeners.current.delete(listener);
  }, []);
  const setStatus = useCallback(
    (status: RunStatus) => setState((before) => before && { ...before, status }),
    [],
  );
  const now = state ?? (value && startOf(value));
  return {
    detail: value,
    failure,
    reload,
    status: now?.status ?? 'interrupted',
    error: now?.error,
    lastStep: now?.lastStep,
    stepSeconds: now?.stepSeconds,
    epochs: now?.epochs ?? [],
    lines: now?.lines ?? [],
    insights: (now?.insights ?? 0) + gaps,
    gaps,
    connection,
    following: following && (now?.status === 'training' || now?.status === 'paused'),
    listen,
    setStatus,
  };
}
