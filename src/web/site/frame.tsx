import type { ComponentChildren } from 'preact';
import type { Language } from '../../display/languages.js';
import type { SiteContent } from '../../site/page-types.js';
import { StaticApp } from '../app/context.js';
import { Brand } from '../ui/brand.js';
import { Icon } from '../ui/icon.js';
import { inLanguage, linkTo } from './lib/paths.js';
import { wordsOf } from './words.js';

/** A page before it is drawn. */
export interface Page {
  /** From the site's root, in English; the Chinese page is the same below `zh/`. */
  readonly path: string;
  readonly title: string;
  /** One or two sentences, for previews of links. */
  readonly description: string;
  readonly body: ComponentChildren;
  /** Languages of the page; default both. */
  readonly languages?: readonly Language[];
  /** Script of its own in `assets/`, besides the common one. */
  readonly script?: string;
  /** Style sheets of its own in `assets/`. */
  readonly styles?: readonly string[];
  /** Additions to the policy, such as WebAssembly. */
  readonly policy?: Readonly<Record<string, string>>;
}

/** What every part of a page may need. */
export interface Place {
  readonly site: SiteContent;
  readonly language: Language;
  /** Of the page, from the site's root. */
  readonly path: string;
  /** Relative link to a path from the site's root. */
  readonly to: (path: string) => string;
  /** The same to a page in this language. */
  readonly page: (path: string) => string;
}

export function placeOf(site: SiteContent, path: string, language: Language): Place {
  const own = inLanguage(path, language);
  const to = (other: string): string => linkTo(own, other);
  return { site, language, path: own, to, page: (other) => to(inLanguage(other, language)) };
}

/** Nothing is loaded from elsewhere, nothing is inline, nothing can be sent. */
const POLICY: Readonly<Record<string, string>> = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'font-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
};

const policyOf = (more: Page['policy'] = {}): string =>
  Object.entries({ ...POLICY, ...more })
    .map(([name, sources]) => `${name} ${sources}`)
    .join('; ');

export const siteTitle = ({ title = 'Paperweight' }: SiteContent): string => title;

export const htmlLanguage = (language: Language): string => (language === 'zh' ? 'zh-CN' : 'en');

/** The whole document. */
export function Frame({ page, place }: { page: Page; place: Place }) {
  const { site, language, to } = place;
  const title = page.title === siteTitle(site) ? page.title : `${page.title} · ${siteTitle(site)}`;
  const languages = page.languages ?? ['en', 'zh'];
  return (
    <html lang={htmlLanguage(language)}>
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content={policyOf(page.policy)} />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{title}</title>
        <meta name="description" content={page.description} />
        <meta property="og:type" content="article" />
        <meta property="og:site_name" content={siteTitle(site)} />
        <meta property="og:title" content={page.title} />
        <meta property="og:description" content={page.description} />
        <meta property="og:locale" content={language === 'zh' ? 'zh_CN' : 'en_US'} />
        {site.address !== undefined && <Preview page={page} place={place} address={site.address} />}
        {languages.length > 1 &&
          languages.map((each) => (
            <link
              key={each}
              rel="alternate"
              hreflang={htmlLanguage(each)}
              href={to(inLanguage(page.path, each))}
            />
          ))}
        <link rel="icon" href={to('assets/favicon.svg')} type="image/svg+xml" />
        <link rel="stylesheet" href={to('assets/site.css')} />
        {page.styles?.map((style) => (
          <link key={style} rel="stylesheet" href={to(`assets/${style}`)} />
        ))}
        <script src={to('assets/theme.js')} />
        <script src={to('assets/site.js')} defer />
        {page.script !== undefined && <script src={to(`assets/${page.script}`)} defer />}
      </head>
      <body>
        <StaticApp language={language}>
          <a class="skip" href="#main">
            {wordsOf(language).skip}
          </a>
          <Header page={page} place={place} />
          <main id="main" tabIndex={-1}>
            {page.body}
          </main>
          <Footer place={place} />
        </StaticApp>
      </body>
    </html>
  );
}

/** What a link to the page is shown with elsewhere. These need whole addresses. */
function Preview({ page, place, address }: { page: Page; place: Place; address: string }) {
  const { language, path } = place;
  const feed = inLanguage('feed.xml', language);
  return (
    <>
      <link rel="canonical" href={address + path.replace(/(^|\/)index\.html$/, '$1')} />
      <link rel="alternate" type="application/atom+xml" title={siteTitle(place.site)} href={address + feed} />
      <meta property="og:url" content={address + path} />
      <meta property="og:image" content={`${address}assets/preview.png`} />
      <meta property="og:image:width" content="1200" />
      <meta property="og:image:height" content="630" />
      <meta property="og:image:alt" content={page.title} />
      <meta name="twitter:card" content="summary_large_image" />
    </>
  );
}

function Header({ page, place: { site, language, to, page: pageTo } }: { page: Page; place: Place }) {
  const words = wordsOf(language);
  const other: Language = language === 'en' ? 'zh' : 'en';
  const twin = (page.languages ?? [other]).includes(other) ? page.path : 'index.html';
  const links = [
    ['index.html', words.home, page.path === 'index.html'],
    ...(site.live ? [['live.html', words.live, page.path === 'live.html'] as const] : []),
    ['search.html', words.search, page.path === 'search.html'],
  ] as const;
  return (
    <header class="top">
      <div class="top-inner">
        <a class="brand" href={pageTo('index.html')}>
          <Brand />
          <span>{siteTitle(site)}</span>
        </a>
        <nav aria-label={words.menu}>
          {links.map(([path, text, current]) => (
            <a key={path} href={pageTo(path)} {...(current ? { 'aria-current': 'page' as const } : {})}>
              {text}
            </a>
          ))}
        </nav>
        <div class="top-tools">
          <a class="tool" lang={htmlLanguage(other)} href={to(inLanguage(twin, other))}>
            {words.language}
          </a>
          <button
            type="button"
            class="icon"
            title={words.theme}
            aria-label={words.theme}
            data-theme-button
            hidden
          >
            <span class="in-light">
              <Icon name="moon" />
            </span>
            <span class="in-dark">
              <Icon name="sun" />
            </span>
          </button>
        </div>
      </div>
    </header>
  );
}

function Footer({ place: { site, language, to } }: { place: Place }) {
  const words = wordsOf(language);
  return (
    <footer class="site-footer">
      <p>
        {words.made} Paperweight {site.version}
        {site.address !== undefined && (
          <>
            {' · '}
            <a href={to(inLanguage('feed.xml', language))}>{words.feed}</a>
          </>
        )}
        {' · '}
        <a href={to('assets/licenses.txt')}>{words.licences}</a>
      </p>
    </footer>
  );
}
