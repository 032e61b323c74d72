import type { SiteLive } from '../../../site/page-types.js';
import type { Page, Place } from '../frame.js';
import { paperPath } from '../lib/paths.js';
import { wordsOf } from '../words.js';

/** Classifies a visitor's image; `client/live.ts` does the work, with the engine of `src/site/live/`. */
export function livePageOf(live: SiteLive, place: Place): Page {
  const words = wordsOf(place.language);
  const megabytes = (live.bytes / 1e6).toFixed(1);
  return {
    path: 'live.html',
    title: words.live,
    description: words.liveLead(live.run, megabytes),
    body: <Body live={live} lead={words.liveLead(live.run, megabytes)} place={place} />,
    script: 'live.js',
    policy: { 'script-src': "'self' 'wasm-unsafe-eval'", 'img-src': "'self' data: blob:" },
  };
}

function Body({ live, lead, place }: { live: SiteLive; lead: string; place: Place }) {
  const { language, to } = place;
  const words = wordsOf(language);
  const paper = place.site.papers.find(({ id }) => id === live.paper);
  const texts = {
    loading: words.liveLoading,
    working: words.liveWorking,
    done: words.liveDone,
    maps: words.liveMapsOf,
    noImage: words.liveNoImage,
  };
  return (
    <div class="page live-page">
      <h1>{words.live}</h1>
      <p class="lead">{lead}</p>
      {paper && (
        <p class="citation">
          {words.paper}
          {words.colon}
          <a href={place.page(paperPath(paper.id))}>{paper.title}</a>
        </p>
      )}
      <noscript>
        <p class="missing">{words.liveNeeds}</p>
      </noscript>
      <div
        data-live={JSON.stringify(texts)}
        data-weights={to('live/weights.js')}
        data-engine={to('assets/live-engine.js')}
        hidden
      >
        <div class="live-choose" data-live-drop>
          <label class="live-file">
            <span>{words.liveChoose}</span>
            <input type="file" accept="image/*" data-live-file />
          </label>
          <span>{words.liveDrop}</span>
          <ul class="live-examples">
            {live.examples.map(({ image, label }) => (
              <li key={label}>
                <button type="button" data-live-example>
                  <img src={image} alt={label} width="32" height="32" />
                </button>
              </li>
            ))}
          </ul>
          <label class="choice">
            {words.liveDevice}
            <select data-live-device>
              <option value="auto">{words.liveAuto}</option>
              <option value="wasm">{words.liveWasm}</option>
              <option value="webgpu">{words.liveGpu}</option>
            </select>
          </label>
        </div>
        <p role="status" data-live-status />
        <div class="live-result" data-live-result hidden>
          <section>
            <h2>{words.liveSees}</h2>
            <canvas class="live-square" data-live-square />
          </section>
          <section>
            <h2>{words.liveGuesses}</h2>
            <ol class="live-guesses" data-live-guesses />
          </section>
          <section class="live-maps">
            <h2>{words.liveMaps}</h2>
            <div data-live-maps />
          </section>
        </div>
      </div>
      {live.train && (
        <p class="live-train">
          <a
            href={`${to('train/index.html')}?network=${encodeURIComponent(live.train.network)}&data=${encodeURIComponent(live.train.data)}&lang=${language}`}
          >
            {words.liveTrain}
          </a>{' '}
          {words.liveTrainWhy}
        </p>
      )}
    </div>
  );
}
