import { type ComponentChildren, createContext } from 'preact';
import { useCallback, useContext, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Language } from '../../display/languages.js';
import type { Meta } from '../../serve/api.js';
import { type Key, type Translate, translator } from '../i18n.js';
import { get } from './api.js';
import { recall, remember } from './storage.js';

export type ThemeChoice = 'system' | 'light' | 'dark';

export interface Toast {
  readonly text: string;
  readonly action?: { readonly label: string; readonly run: () => void };
}

/** Shared state and functions for all views. */
export interface App {
  readonly language: Language;
  readonly setLanguage: (language: Language) => void;
  readonly t: Translate;
  readonly theme: ThemeChoice;
  readonly setTheme: (theme: ThemeChoice) => void;
  /** Whether the dark theme is active; canvas drawings need to know. */
  readonly dark: boolean;
  readonly meta: Meta | undefined;
  readonly toast: Toast | undefined;
  readonly showToast: (toast: Toast | undefined) => void;
  /** Announces a text to screen readers, politely. */
  readonly announce: (text: string) => void;
  readonly announcement: string;
}

const Context = createContext<App | undefined>(undefined);

export function useApp(): App {
  const app = useContext(Context);
  if (!app) throw new Error('useApp outside of AppProvider');
  return app;
}

const nothing = (): void => {};

/** For pages that are written once, as HTML: a language, and nothing that changes. */
export function StaticApp({ language, children }: { language: Language; children: ComponentChildren }) {
  const app: App = {
    language,
    setLanguage: nothing,
    t: translator(language),
    theme: 'system',
    setTheme: nothing,
    dark: false,
    meta: undefined,
    toast: undefined,
    showToast: nothing,
    announce: nothing,
    announcement: '',
  };
  return <Context.Provider value={app}>{children}</Context.Provider>;
}

const DARK = '(prefers-color-scheme: dark)';

export function AppProvider({ children }: { children: ComponentChildren }) {
  const [language, changeLanguage] = useState<Language>(firstLanguage);
  const [theme, changeTheme] = useState<ThemeChoice>(firstTheme);
  const [systemDark, setSystemDark] = useState(() => matchMedia(DARK).matches);
  const [meta, setMeta] = useState<Meta>();
  const [toast, setToast] = useState<Toast>();
  const [announcement, announce] = useState('');
  const toastTimer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);

  useEffect(() => {
    const query = matchMedia(DARK);
    const follow = () => setSystemDark(query.matches);
    query.addEventListener('change', follow);
    // The page works without it; views show connection problems themselves.
    get('GET /api/meta').then(setMeta, () => undefined);
    return () => query.removeEventListener('change', follow);
  }, []);
  const dark = theme === 'dark' || (theme === 'system' && systemDark);
  // Before the children draw, because canvases read the theme's colours from the style sheet.
  if (document.documentElement.dataset.theme !== (dark ? 'dark' : 'light'))
    document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  if (document.documentElement.lang !== language)
    document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';

  const showToast = useCallback((next: Toast | undefined) => {
    clearTimeout(toastTimer.current);
    setToast(next);
    // Long enough to read it and to reach the button; hovering or focusing does not extend the time.
    if (next) toastTimer.current = setTimeout(() => setToast(undefined), next.action ? 20_000 : 6000);
  }, []);
  const setLanguage = useCallback((next: Language) => {
    remember('language', next);
    changeLanguage(next);
  }, []);
  const setTheme = useCallback((next: ThemeChoice) => {
    remember('theme', next);
    changeTheme(next);
  }, []);
  const t = useMemo(() => translator(language), [language]);
  const app = useMemo(
    () => ({
      language,
      setLanguage,
      t,
      theme,
      setTheme,
      dark,
      meta,
      toast,
      showToast,
      announce,
      announcement,
    }),
    [language, setLanguage, t, theme, setTheme, dark, meta, toast, showToast, announcement],
  );
  return <Context.Provider value={app}>{children}</Context.Provider>;
}

function firstLanguage(): Language {
  const kept = recall('language');
  if (kept === 'en' || kept === 'zh') return kept;
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

function firstTheme(): ThemeChoice {
  const kept = recall('theme');
  return kept === 'light' || kept === 'dark' ? kept : 'system';
}

/** Sets the page title of a view. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title === '' ? 'Paperweight' : `${title} · Paperweight`;
  }, [title]);
}

export type { Key };
