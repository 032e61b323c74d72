import { useEffect, useRef } from 'preact/hooks';
import { type ThemeChoice, useApp } from './app/context.js';
import { useRoute } from './app/router.js';
import { useAlerts } from './app/use-alerts.js';
import { paperHref, type Route } from './lib/route.js';
import { Brand } from './ui/brand.js';
import { Icon } from './ui/icon.js';
import { CompareView } from './views/compare/compare.js';
import { PaperView } from './views/paper/paper.js';
import { RunView } from './views/run/run.js';
import { RunsView } from './views/runs/runs.js';

/** The frame around every view: skip link, navigation, language, theme, toasts, screen reader announcements. */
export function Shell() {
  const { t, announcement } = useApp();
  const route = useRoute();
  const main = useRef<HTMLElement>(null);
  const key = `${route.view} ${'id' in route ? route.id : ''} ${'tab' in route ? route.tab : ''}`;
  const before = useRef(key);
  useEffect(() => {
    // A new view acts like a new page: scroll to the top and move the focus there.
    if (before.current === key) return;
    before.current = key;
    scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [key]);
  return (
    <>
      {/* biome-ignore lint/a11y/useValidAnchor: a skip link; the part behind # is the view's address. */}
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        {t('skip')}
      </a>
      <Header route={route} />
      <main id="main" ref={main} tabIndex={-1}>
        <View route={route} />
      </main>
      <ToastLine />
      <p class="visually-hidden" aria-live="polite">
        {announcement}
      </p>
    </>
  );
}

function View({ route }: { route: Route }) {
  const { t } = useApp();
  if (route.view === 'runs') return <RunsView query={route.query} />;
  if (route.view === 'run')
    return <RunView key={route.id} id={route.id} tab={route.tab} query={route.query} />;
  if (route.view === 'compare') return <CompareView ids={route.ids} query={route.query} />;
  if (route.view === 'paper') return <PaperView id={route.id} />;
  return (
    <div class="page">
      <h1>{t('unknown.title')}</h1>
      <p>
        <code>{route.path}</code> {t('unknown.text')} <a href="#/">{t('nav.runs')}</a>
      </p>
    </div>
  );
}

function Header({ route }: { route: Route }) {
  const { t, language, setLanguage, dark, setTheme } = useApp();
  const alerts = useAlerts();
  const links = [
    ['#/', t('nav.runs'), route.view === 'runs' || route.view === 'run'],
    ['#/compare', t('nav.compare'), route.view === 'compare'],
    [paperHref(), t('nav.paper'), route.view === 'paper'],
  ] as const;
  const next: ThemeChoice = dark ? 'light' : 'dark';
  return (
    <header class="top">
      <div class="top-inner">
        <a class="brand" href="#/">
          <Brand />
          <span>Paperweight</span>
        </a>
        <nav aria-label={t('nav.label')}>
          {links.map(([href, text, current]) => (
            <a key={href} href={href} {...(current ? { 'aria-current': 'page' as const } : {})}>
              {text}
            </a>
          ))}
        </nav>
        <div class="top-tools">
          <button
            type="button"
            class="quiet"
            lang={language === 'en' ? 'zh-CN' : 'en'}
            onClick={() => setLanguage(language === 'en' ? 'zh' : 'en')}
          >
            {language === 'en' ? '中文' : 'English'}
          </button>
          <button
            type="button"
            class="icon"
            title={t('alert.title')}
            aria-label={t('alert.title')}
            aria-pressed={alerts.on}
            onClick={alerts.toggle}
          >
            <Icon name="bell" />
          </button>
          <button
            type="button"
            class="icon"
            title={t(`theme.${next}`)}
            aria-label={t(`theme.${next}`)}
            onClick={() => setTheme(next)}
          >
            <Icon name={dark ? 'sun' : 'moon'} />
          </button>
        </div>
      </div>
    </header>
  );
}

function ToastLine() {
  const { t, toast, showToast } = useApp();
  return (
    <div class="toasts" role="status">
      {toast && (
        <div class="toast">
          <span>{toast.text}</span>
          {toast.action && (
            <button
              type="button"
              onClick={() => {
                toast.action?.run();
                showToast(undefined);
              }}
            >
              {toast.action.label}
            </button>
          )}
          <button type="button" class="icon" aria-label={t('close')} onClick={() => showToast(undefined)}>
            <Icon name="close" />
          </button>
        </div>
      )}
    </div>
  );
}
