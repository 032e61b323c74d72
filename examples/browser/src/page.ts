import { Chart } from './chart.js';
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

const loss = new Chart(byId<SVGSVGElement>('loss'), (value) =>
  value < 1e4 ? value.toPrecision(2) : value.toExponential(1).replace('+', ''),
);
const accuracy = new Chart(byId<SVGSVGElement>('accuracy'), (value) => `${Math.round(100 * value)} %`, 1);
const isSupported = typeof Worker !== 'undefined' && typeof WebAssembly !== 'undefined';
let trainer: Worker | MessagePort | undefined;
/** Whether the trainer has answered yet. */
let hasAnswered = false;
let steps = 0;
let started: Settings | undefined;
let percent = '';
let loading = '';
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
  return Math.min(max === '' ? Number.MAX_VALUE : Number(max), Math.max(Number(min), Number(value) || 0));
}

/** Sets which buttons can be pressed. */
function enable(to: typeof state): void {
  state = to;
  byId<HTMLFieldSetElement>('choices').disabled = state === 'running' || state === 'paused';
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

interface Caption {
  readonly caption: string;
  /** What it really is, if that is not what the caption says. */
  readonly truth?: string;
  /** Name of the figure's class. */
  readonly kind?: string;
}

/** Shows images with captions. */
function showImages(images: Preview, heading: 'preview' | 'guesses', describe: (i: number) => Caption): void {
  const figures = canvases(images).map((canvas, i) => {
    const figure = document.createElement('figure');
    const text = document.createElement('figcaption');
    const { caption, truth, kind = '' } = describe(i);
    text.textContent = caption;
    figure.className = kind;
    if (truth !== undefined) {
      const second = document.createElement('span');
      second.className = 'truth';
      second.textContent = truth;
      text.append(' ', second);
    }
    figure.append(canvas, text);
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
      ? { caption: `✓ ${guess} ${percent}\u00a0%`, kind: 'right' }
      : { caption: `✗ ${guess} ${percent}\u00a0%`, truth: text('truth', label), kind: 'wrong' };
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

function download(bytes: Uint8Array<ArrayBuffer>, network: string): void {
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
    ...(trainer instanceof MessagePort ? [text('inPage')] : []),
  ].join(text('comma'));
  const found = gpu ? [gpu.name, ...(gpu.software ? [text('software')] : [])] : [text('noGpu')];
  byId('devices').textContent = `${processor} · ${text('webgpu')}: ${found.join(text('comma'))}`;
  const select = byId<HTMLSelectElement>('device');
  for (const option of select.options) option.disabled = option.value === 'webgpu' && !gpu;
  if (gpu && !gpu.software) select.value = 'webgpu';
}

const select = (id: string, value: string): void => {
  byId<HTMLSelectElement>(id).value = value;
};

/** Axes for a training of this number of steps. */
function begin(count: number): void {
  steps = count;
  byId('charts').hidden = byId('progress').hidden = byId('first').hidden = false;
  byId<HTMLProgressElement>('progress').value = 0;
  byId('percent').textContent = percent = '';
  loss.reset(steps);
  accuracy.reset(steps);
}

function showAccuracy(share: number): void {
  percent = `${(100 * share).toFixed(1)}\u00a0%`;
  byId('percent').textContent = percent;
}

function showFiles({ names, held, isReady }: Extract<Report, { kind: 'files' }>): void {
  const lines = [
    ...(names.length > 0 ? [text('stored', names.join(text('comma')))] : []),
    ...(held.length > 0 ? [text('held', held.join(text('comma')))] : []),
  ];
  byId('stored').textContent = lines.join(' ');
  if (isKeeping) {
    if (byId('status').textContent === text('storing')) show(text('hint'));
    if (isReady) select('data', 'cifar10');
    isKeeping = false;
  }
  preview();
}

function lost({ step, kept }: Extract<Report, { kind: 'lost' }>): void {
  enable(kept === undefined ? 'idle' : 'done');
  show(kept === undefined ? text('lost', { step }) : text('lostKept', { step, kept }), { isError: true });
}

function take(report: Report): void {
  switch (report.kind) {
    case 'devices':
      showDevices(report);
      return;
    case 'preview': {
      const { images } = report;
      if (state === 'idle')
        showImages(images ?? { size: 1, pixels: new Uint8ClampedArray(), labels: [] }, 'preview', (i) => ({
          caption: images!.labels[i]!,
        }));
      return;
    }
    case 'files':
      showFiles(report);
      return;
    case 'begin':
      begin(report.steps);
      return;
    case 'step': {
      const { step, rate } = report;
      loss.add({ x: step, y: report.loss });
      const left = ((steps - step) * started!.batchSize) / rate;
      byId<HTMLProgressElement>('progress').value = step / steps;
      const parts = [
        `${text('step')} ${step} ${text('of')} ${steps}`,
        `${text('loss')} ${report.loss.toFixed(3)}`,
        `${rate < 10 ? rate.toFixed(1) : rate.toFixed(0)} ${text('images')}`,
        text('left', duration(left)),
      ];
      show(parts.join(' · '), { often: true });
      return;
    }
    case 'accuracy':
      accuracy.add({ x: report.step, y: report.accuracy });
      showAccuracy(report.accuracy);
      return;
    case 'look':
      byId('first').hidden = false;
      byId('kernels').replaceChildren(...canvases(report.kernels));
      showGuesses(report.guesses);
      return;
    case 'state':
      enable(report.state === 'running' || report.state === 'paused' ? report.state : 'done');
      if (report.state !== 'running') show(text(report.state, { step: report.step, steps, percent }));
      return;
    case 'loaded':
      if (settings().network !== report.network) input('rate').value = String(RATES[report.network]);
      select('network', report.network);
      select('data', report.data);
      byId('cifar').hidden = report.data !== 'cifar10';
      byId('charts').hidden = byId('progress').hidden = true;
      showAccuracy(report.accuracy);
      enable('done');
      show(text('loaded', { name: loading, percent }));
      return;
    case 'weights':
      download(report.bytes, report.network);
      return;
    case 'bad':
      enable('done');
      show(text('bad', { step: report.step }), { isError: true });
      return;
    case 'lost':
      lost(report);
      return;
    case 'trouble':
      enable(report.hasWeights ? 'done' : 'idle');
      show(text(report.key, report.values), { isError: true });
      return;
    default:
      enable(report.hasWeights ? 'done' : 'idle');
      show(report.message, { isError: true });
  }
}

const ask = (request: Request): void => {
  if (isSupported) (trainer ?? startTrainer()).postMessage(request);
};

/** The trainer's script, which the page loads itself only where it has to. A variable, so that it is not bundled. */
const TRAINER: string = './trainer.js';

/** Whether the page has a GPU. */
const hasGpu = async (): Promise<boolean> => {
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<object | null> } };
  return Boolean(await gpu?.requestAdapter().catch(() => null));
};

function startTrainer(): Worker {
  hasAnswered = false;
  const worker = new Worker(new URL(TRAINER, import.meta.url), { type: 'module' });
  trainer = worker;
  worker.onmessage = async ({ data }: MessageEvent<Report>) => {
    if (trainer !== worker) return;
    hasAnswered = true;
    // Some browsers have WebGPU in pages, but not in workers.
    if (data.kind === 'devices' && !data.gpu && (await hasGpu())) {
      worker.terminate();
      await trainHere();
    } else take(data);
  };
  worker.onerror = (event) => {
    // It could not be loaded: what is asked next starts another one.
    if (!hasAnswered) trainer = undefined;
    take({ kind: 'error', message: event.message || text('unsupported'), hasWeights: hasAnswered });
  };
  return worker;
}

/** Trains in the page itself. */
async function trainHere(): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  trainer = port1;
  port1.onmessage = ({ data }: MessageEvent<Report>) => take(data);
  const { serve } = (await import(TRAINER)) as { serve(port: MessagePort): void };
  serve(port2);
  preview();
}

let isKeeping = false;
function keep(files: readonly File[]): void {
  if (files.length === 0 || state === 'running' || state === 'paused') return;
  isKeeping = true;
  show(text('storing'));
  ask({ kind: 'keep', files });
}

byId<HTMLSelectElement>('data').onchange = preview;
byId<HTMLSelectElement>('network').onchange = () => {
  input('rate').value = String(RATES[settings().network]);
};
button('start').onclick = () => {
  started = settings();
  // What was out of range is used, and shown, as the nearest that is not.
  input('epochs').value = String(started.epochs);
  input('batch').value = String(started.batchSize);
  input('rate').value = String(started.rate);
  enable('running');
  show(text('preparing'));
  ask({ kind: 'start', settings: started });
};
for (const kind of ['pause', 'resume', 'stop', 'save'] as const) button(kind).onclick = () => ask({ kind });
button('load').onclick = () => input('file').click();
input('file').onchange = async () => {
  const [file] = input('file').files ?? [];
  if (!file) return;
  const bytes = new Uint8Array(await file.arrayBuffer());
  input('file').value = '';
  loading = file.name;
  show(text('loading', { name: loading }));
  ask({ kind: 'load', bytes, name: file.name, settings: settings() });
};
input('bins').onchange = () => keep([...(input('bins').files ?? [])]);
// Files may be dropped anywhere on the page.
document.ondragover = (event) => event.preventDefault();
document.ondrop = (event) => {
  event.preventDefault();
  keep([...(event.dataTransfer?.files ?? [])]);
};

enable('idle');
if (isSupported) {
  show(text('hint'));
  startTrainer();
} else show(text('unsupported'), { isError: true });
preview();
void navigator.serviceWorker?.register('offline.js').catch(() => undefined);
