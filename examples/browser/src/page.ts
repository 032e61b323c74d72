import { Chart } from './chart.js';
import { isTestFile, isTrainFile, storedFiles, storeFile } from './cifar10.js';
import {
  DATA,
  DEVICES,
  type Guesses,
  type Kernels,
  NETWORKS,
  type Preview,
  RATES,
  type Report,
  type Request,
  type Settings,
} from './protocol.js';
import { language, type TextKey, text } from './texts.js';

const byId = <T extends Element = HTMLElement>(id: string): T => document.getElementById(id) as unknown as T;
const input = (id: string): HTMLInputElement => byId<HTMLInputElement>(id);
const button = (id: string): HTMLButtonElement => byId<HTMLButtonElement>(id);

document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
document.title = text('title');
for (const element of document.querySelectorAll<HTMLElement>('[data-text]'))
  element.textContent = text(element.dataset.text as TextKey);
// A link can choose: ?network=resnet-20&data=cifar10.
const asked = new URLSearchParams(location.search);
for (const [id, names] of [
  ['device', DEVICES],
  ['network', NETWORKS],
  ['data', DATA],
] as const) {
  const select = byId<HTMLSelectElement>(id);
  select.append(...names.map((name) => new Option(text(name), name)));
  const chosen = names.find((name) => name === asked.get(id));
  if (chosen) select.value = chosen;
}

const loss = new Chart(byId<SVGSVGElement>('loss'), (value) => value.toPrecision(2));
const accuracy = new Chart(byId<SVGSVGElement>('accuracy'), (value) => `${Math.round(100 * value)} %`, 1);
const isSupported = typeof Worker !== 'undefined' && typeof WebAssembly !== 'undefined';
let trainer: Worker | undefined;
/** Whether the trainer has answered yet. */
let hasAnswered = false;
let steps = 0;
let batchSize = 1;
let rate = 0;
let state: 'idle' | 'running' | 'paused' | 'done' = 'idle';

/** @param often whether it changes with each step, and should not be read out each time */
function show(message: string, { isError = false, often = false } = {}): void {
  const status = byId('status');
  status.ariaLive = often ? 'off' : 'polite';
  status.textContent = message;
  status.classList.toggle('error', isError);
}

function settings(): Settings {
  return {
    device: byId<HTMLSelectElement>('device').value as Settings['device'],
    network: byId<HTMLSelectElement>('network').value as Settings['network'],
    data: byId<HTMLSelectElement>('data').value as Settings['data'],
    epochs: Math.round(number('epochs')),
    batchSize: Math.round(number('batch')),
    rate: number('rate'),
  };
}

/** The number in a field, within the field's limits. */
function number(id: string): number {
  const { min, max, value } = input(id);
  return Math.min(
    max === '' ? Number.POSITIVE_INFINITY : Number(max),
    Math.max(Number(min), Number(value) || 0),
  );
}

/** Sets which buttons can be pressed. */
function enable(to: typeof state): void {
  state = to;
  button('start').disabled = !isSupported || state === 'running' || state === 'paused';
  button('pause').hidden = state === 'paused';
  button('resume').hidden = state !== 'paused';
  button('pause').disabled = state !== 'running';
  button('stop').disabled = state !== 'running' && state !== 'paused';
  button('save').disabled = state === 'idle' || state === 'running';
  button('load').disabled = state === 'running' || state === 'paused';
}

/** Pixels of square images, as small canvases. */
function canvases({ size, pixels }: Pick<Kernels, 'size' | 'pixels'>): HTMLCanvasElement[] {
  const each = 4 * size * size;
  return Array.from({ length: pixels.length / each }, (_, i) => {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = size;
    canvas.getContext('2d')!.putImageData(new ImageData(pixels.slice(i * each, (i + 1) * each), size), 0, 0);
    return canvas;
  });
}

/** Shows images with captions. @param describe the caption of an image, and its class */
function showImages(
  images: Preview,
  heading: 'preview' | 'guesses',
  describe: (i: number) => readonly [caption: string, name: string],
): void {
  const figures = canvases(images).map((canvas, i) => {
    const figure = document.createElement('figure');
    const caption = document.createElement('figcaption');
    [caption.textContent, figure.className] = describe(i);
    figure.append(canvas, caption);
    return figure;
  });
  byId('seen').textContent = figures.length > 0 ? text(heading) : '';
  byId('guesses').replaceChildren(...figures);
}

const showGuesses = (shown: Guesses): void =>
  showImages(shown, 'guesses', (i) => {
    const [label, guess] = [shown.labels[i]!, shown.guesses[i]!];
    const percent = Math.round(100 * shown.probabilities[i]!);
    return label === guess
      ? [`✓ ${guess} ${percent}\u00a0%`, 'right']
      : [`✗ ${guess} ${percent}\u00a0% (${label})`, 'wrong'];
  });

/** Asks for images of the chosen data set, unless those of a training are shown. */
function preview(): void {
  const { data } = settings();
  byId('cifar').hidden = data !== 'cifar10';
  if (state === 'idle') ask({ kind: 'preview', data });
}

function duration(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const rest = `${Math.round(minutes > 0 ? seconds % 60 : seconds)} ${text('seconds')}`;
  return minutes > 0 ? `${minutes} ${text('minutes')} ${rest}` : rest;
}

function download({ network, bytes }: Extract<Report, { kind: 'weights' }>): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([bytes]));
  link.download = `${network}.safetensors`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function showDevices({ threads, gpu }: Extract<Report, { kind: 'devices' }>): void {
  const processor = [
    `${text('wasm')}: ${threads} ${text(threads === 1 ? 'thread' : 'threads')}`,
    ...(crossOriginIsolated ? [] : [text('alone')]),
  ].join(text('comma'));
  const found = gpu ? [gpu.name, ...(gpu.software ? [text('software')] : [])] : [text('noGpu')];
  byId('devices').textContent = `${processor} · ${text('webgpu')}: ${found.join(text('comma'))}`;
  const select = byId<HTMLSelectElement>('device');
  for (const option of select.options) option.disabled = option.value === 'webgpu' && !gpu;
  if (gpu && !gpu.software) select.value = 'webgpu';
}

function take(report: Report): void {
  switch (report.kind) {
    case 'devices':
      showDevices(report);
      return;
    case 'preview': {
      const { images } = report;
      if (state === 'idle')
        showImages(images ?? { size: 1, pixels: new Uint8ClampedArray(), labels: [] }, 'preview', (i) => [
          images!.labels[i]!,
          '',
        ]);
      return;
    }
    case 'begin':
      ({ steps, batchSize } = report);
      byId('charts').hidden = byId('progress').hidden = byId('first').hidden = false;
      byId('percent').textContent = '';
      loss.reset(steps);
      accuracy.reset(steps);
      return;
    case 'step': {
      loss.add({ x: report.step, y: report.loss });
      rate = rate === 0 ? report.rate : rate + 0.1 * (report.rate - rate);
      const left = ((steps - report.step) * batchSize) / rate;
      byId<HTMLProgressElement>('progress').value = report.step / steps;
      show(
        `${text('step')} ${report.step} ${text('of')} ${steps} · ${text('loss')} ${report.loss.toFixed(3)} · ${rate.toFixed(0)} ${text('images')} · ${text('left').replace('{}', duration(left))}`,
        { often: true },
      );
      return;
    }
    case 'accuracy':
      accuracy.add({ x: report.step, y: report.accuracy });
      byId('percent').textContent = `${(100 * report.accuracy).toFixed(1)} %`;
      return;
    case 'look':
      byId('kernels').replaceChildren(...canvases(report.kernels));
      showGuesses(report.guesses);
      return;
    case 'state':
      enable(report.state === 'running' || report.state === 'paused' ? report.state : 'done');
      if (report.state !== 'running') show(text(report.state), { isError: report.state === 'diverged' });
      return;
    case 'weights':
      download(report);
      return;
    default:
      enable(report.hasWeights ? 'done' : 'idle');
      show(report.message, { isError: true });
  }
}

const ask = (request: Request): void => {
  if (isSupported) (trainer ?? startTrainer()).postMessage(request);
};

function startTrainer(): Worker {
  hasAnswered = false;
  trainer = new Worker(new URL('./trainer.js', import.meta.url), { type: 'module' });
  trainer.onmessage = ({ data }: MessageEvent<Report>) => {
    hasAnswered = true;
    take(data);
  };
  trainer.onerror = (event) => {
    // It could not be loaded: what is asked next starts another one.
    if (!hasAnswered) trainer = undefined;
    take({ kind: 'error', message: event.message || text('unsupported'), hasWeights: hasAnswered });
  };
  return trainer;
}

async function listStored(): Promise<void> {
  const names = await storedFiles().catch(() => []);
  byId('stored').textContent = names.length > 0 ? `${text('stored')} ${names.join(', ')}` : '';
}

async function keep(files: readonly File[]): Promise<void> {
  try {
    for (const file of files) await storeFile(file);
    const names = await storedFiles();
    if (names.some(isTrainFile) && names.some(isTestFile)) byId<HTMLSelectElement>('data').value = 'cifar10';
  } catch (error) {
    show((error as Error).message, { isError: true });
  }
  await listStored();
  preview();
}

byId<HTMLSelectElement>('data').onchange = preview;
byId<HTMLSelectElement>('network').onchange = () => {
  input('rate').value = String(RATES[settings().network]);
};
button('start').onclick = () => {
  rate = 0;
  // What will be used, if a field was empty or beyond its limits.
  const { epochs, batchSize: batch, rate: used } = settings();
  for (const [id, value] of Object.entries({ epochs, batch, rate: used })) input(id).value = String(value);
  enable('running');
  ask({ kind: 'start', settings: settings() });
};
for (const kind of ['pause', 'resume', 'stop', 'save'] as const) button(kind).onclick = () => ask({ kind });
button('load').onclick = () => input('file').click();
input('file').onchange = async () => {
  const [file] = input('file').files ?? [];
  if (!file) return;
  const bytes = new Uint8Array(await file.arrayBuffer());
  input('file').value = '';
  ask({ kind: 'load', bytes, name: file.name, settings: settings() });
};
input('bins').onchange = () => void keep([...(input('bins').files ?? [])]);
// Files may be dropped anywhere on the page.
document.ondragover = (event) => event.preventDefault();
document.ondrop = (event) => {
  event.preventDefault();
  void keep([...(event.dataTransfer?.files ?? [])]);
};

enable('idle');
void listStored();
if (isSupported) startTrainer();
else show(text('unsupported'), { isError: true });
preview();
void navigator.serviceWorker?.register('offline.js', { type: 'module' }).catch(() => undefined);
