import type { SiteContent } from '../../../site/page-types.js';
import type { Page, Place } from '../frame.js';
import { wordsOf } from '../words.js';

/** Finds pages by their words; `client/search.ts` does the work, with the index in `search.js` of the language. */
export function searchPageOf(_: SiteContent, place: Place): Page {
  const words = wordsOf(place.language);
  return {
    path: 'search.html',
    title: words.search,
    description: words.searchLabel,
    body: (
      <div class="page">
        <h1>{words.search}</h1>
        <form
          class="search"
          data-search={place.to(`assets/search-${place.language}.js`)}
          data-root={place.to('')}
          hidden
        >
          <label for="query">{words.searchLabel}</label>
          <input id="query" type="search" name="q" autocomplete="off" spellcheck={false} />
        </form>
        <noscript>
          <p class="missing">{words.searchNeeds}</p>
        </noscript>
        <p
          class="hint"
          role="status"
          data-search-count
          data-found={words.searchFound}
          data-none={words.searchNone}
        />
        <ol class="found" data-search-found />
      </div>
    ),
  };
}

/** What a server shows for an address without a page. */
export function missingPageOf(_: SiteContent, place: Place): Page {
  const words = wordsOf(place.language);
  return {
    path: '404.html',
    // A server shows this one page for all addresses.
    languages: ['en'],
    title: words.missing,
    description: words.missing,
    body: (
      <div class="page">
        <h1>{words.missing}</h1>
        <p>
          {words.missingNext} <a href={place.page('index.html')}>{words.home}</a>
        </p>
      </div>
    ),
  };
}
