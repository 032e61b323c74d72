import { plainText } from '../../../display/plain-text.js';
import type { LiveDevice, LiveEngine, LiveMaps, LiveModel } from '../../../site/page-types.js';
import { squareFrom } from '../../ui/square.js';

/*
 * The live demo: loads the engine and the weights when they are needed, classifies an image, and shows the result.
 */

interface Texts {
  readonly loading: string;
  readonly working: string;
  readonly done: string;
  readonly maps: string;
  readonly noImage: string;
}

const shared = globalThis as { paperweightLive?: LiveEngine; paperweightWeights?: string };
/** Most maps of a layer that are drawn. */
const MOST_MAPS = 64;

const root = document.querySelector<HTMLElement>('[data-live]');
if (root) start(root);

function start(place: HTMLElement): void {
  const texts = JSON.parse(place.dataset.live ?? '{}') as Texts;
  const find = <E extends HTMLElement>(name: string): E => place.querySelector<E>(`[data-live-${name}]`)!;
  const [status, result] = [find('status'), find('result')];
  const file = find<HTMLInputElement>('file');
  const device = find<HTMLSelectElement>('device');
  const models = new Map<string, Promise<LiveModel>>();
  let last: Blob | undefined;
  let turn = 0;
  place.hidden = false;

  const load = async (wanted: LiveDevice): Promise<LiveModel> => {
    await Promise.all([script(place.dataset.engine!), script(place.dataset.weights!)]);
    const bytes = Uint8Array.from(atob(shared.paperweightWeights!), (letter) => letter.charCodeAt(0));
    return shared.paperweightLive!.open(bytes, wanted);
  };

  const show = async (image: Blob): Promise<void> => {
    const own = ++turn;
    last = image;
    const wanted = device.value as LiveDevice;
    try {
      status.textContent = texts.loading;
      if (!models.has(wanted)) models.set(wanted, load(wanted));
      const model = await models.get(wanted)!;
      status.textContent = texts.working;
      const square = await squareFrom(image, model.side, shared.paperweightLive!, texts.noImage);
      const started = performance.now();
      const { probabilities, maps } = await model.classify(square);
      const ms = String(Math.max(1, Math.round(performance.now() - started)));
      // Another image was chosen meanwhile.
      if (own !== turn) return;
      paint(find<HTMLCanvasElement>('square'), square, model.side);
      find('guesses').replaceChildren(...guesses(model.classes, probabilities));
      find('maps').replaceChildren(...maps.map((layer, i) => mapsOf(layer, i + 1, texts)));
      result.hidden = false;
      result.dataset.probabilities = JSON.stringify([...probabilities]);
      status.textContent = texts.done.replace('{ms}', ms).replace('{engine}', model.engine);
    } catch (error) {
      models.delete(wanted);
      if (own !== turn) return;
      // What is shown belongs to the image before.
      result.hidden = true;
      delete result.dataset.probabilities;
      status.textContent = error instanceof Error ? error.message : String(error);
    }
  };

  file.addEventListener('change', () => {
    const [chosen] = file.files ?? [];
    if (chosen) void show(chosen);
    file.value = '';
  });
  device.addEventListener('change', () => {
    if (last) void show(last);
  });
  for (const button of place.querySelectorAll<HTMLElement>('[data-live-example]'))
    button.addEventListener('click', async () => {
      const canvas = document.createElement('canvas');
      const image = button.querySelector('img')!;
      await image.decode();
      canvas.width = image.naturalWidth;
      canvas.height = image.naturalHeight;
      canvas.getContext('2d')!.drawImage(image, 0, 0);
      canvas.toBlob((blob) => blob && void show(blob));
    });
  const drop = find('drop');
  drop.addEventListener('dragover', (event) => event.preventDefault());
  drop.addEventListener('drop', (event) => {
    event.preventDefault();
    const [dropped] = event.dataTransfer?.files ?? [];
    if (dropped) void show(dropped);
  });
}

const scripts = new Map<string, Promise<void>>();

function script(source: string): Promise<void> {
  const known = scripts.get(source);
  if (known) return known;
  const loading = new Promise<void>((resolve, reject) => {
    const element = document.createElement('script');
    element.src = source;
    element.onload = () => resolve();
    element.onerror = () => {
      scripts.delete(source);
      reject(new Error(`${source} cannot be loaded`));
    };
    document.head.append(element);
  });
  scripts.set(source, loading);
  return loading;
}

function paint(canvas: HTMLCanvasElement, planes: Uint8Array, side: number): void {
  canvas.width = canvas.height = side;
  const pixels = new ImageData(side, side);
  const area = side * side;
  for (let i = 0; i < area; i++) {
    for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = planes[c * area + i]!;
    pixels.data[4 * i + 3] = 255;
  }
  canvas.getContext('2d')!.putImageData(pixels, 0, 0);
}

/** The most probable classes with bars, in descending order. */
const guesses = (classes: readonly string[], probabilities: Float32Array): HTMLElement[] =>
  [...probabilities]
    .map((probability, i) => ({ probability, label: plainText(classes[i] ?? String(i)) }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, 10)
    .map(({ probability, label }) => {
      const item = document.createElement('li');
      const [name, bar, number] = [
        document.createElement('span'),
        document.createElement('meter'),
        document.createElement('span'),
      ];
      name.textContent = label;
      bar.value = probability;
      bar.setAttribute('aria-hidden', 'true');
      number.textContent = `${(100 * probability).toFixed(1)} %`;
      number.className = 'num';
      item.append(name, bar, number);
      return item;
    });

/** The maps of a layer, side by side; each layer is scaled to its own largest value. */
function mapsOf({ name, count, height, width, values }: LiveMaps, n: number, texts: Texts): HTMLElement {
  const figure = document.createElement('figure');
  const caption = document.createElement('figcaption');
  const facts: Readonly<Record<string, string | number>> = { name, n, count, height, width };
  caption.textContent = texts.maps.replace(/\{(\w+)\}/g, (_, key: string) => String(facts[key]));
  const shown = Math.min(count, MOST_MAPS);
  const columns = Math.ceil(Math.sqrt(2 * shown));
  const rows = Math.ceil(shown / columns);
  const canvas = document.createElement('canvas');
  canvas.width = columns * (width + 1);
  canvas.height = rows * (height + 1);
  const area = height * width;
  let [low, high] = [0, 1e-9];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const pixels = new ImageData(canvas.width, canvas.height);
  for (let map = 0; map < shown; map++)
    for (let i = 0; i < area; i++) {
      const x = (map % columns) * (width + 1) + (i % width);
      const y = Math.floor(map / columns) * (height + 1) + Math.floor(i / width);
      const at = 4 * (y * canvas.width + x);
      const light = (255 * (values[map * area + i]! - low)) / (high - low);
      pixels.data.set([light, light, light, 255], at);
    }
  canvas.getContext('2d')!.putImageData(pixels, 0, 0);
  figure.append(canvas, caption);
  return figure;
}
