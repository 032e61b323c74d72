import {
  CheckpointError,
  DeviceError,
  decodeWeights,
  PaperweightError,
  Shapes10,
  webgpuAdapter,
} from 'paperweight/core';
import { isTestFile, isTrainFile } from './cifar10.js';
import { imagesOf } from './images.js';
import { accuracyOf, lookAt, SHOWN, weightsOf } from './measure.js';
import {
  DATA,
  type DataName,
  NETWORKS,
  PageError,
  type Preview,
  type Report,
  type Request,
  type Settings,
} from './protocol.js';
import { forgetDevice, hasLostGpu, openSession, type Session, useDevice } from './session.js';
import { heldFiles, openStored, storedFiles, storeFile } from './storage.js';
import { NotFinite, train, type Wish } from './training.js';

/*
 * Trains in a worker, so that the page stays responsive; in the page itself where only that has WebGPU. Messages are
 * handled between steps.
 */

/** Where requests come from and reports go: the worker's scope, or a port of the page. */
interface Port {
  postMessage(message: Report, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent<Request>) => void) | null;
}

let port: Port;
const say = (report: Report, transfer: Transferable[] = []): void => port.postMessage(report, transfer);

let session: Session | undefined;
/** Whether training continues from the session's weights, which came from a file or from a GPU that was lost. */
let isLoaded = false;
let asked: Wish = 'run';
let wake: (() => void) | undefined;
/** Weights of a training on the GPU, which may be lost. */
let saved: { readonly step: number; readonly bytes: Uint8Array<ArrayBuffer> } | undefined;
/** The latest step of the training. */
let latest = 0;

async function sayDevices(): Promise<void> {
  const { threads } = await (await useDevice('wasm')).info();
  say({ kind: 'devices', threads, gpu: await webgpuAdapter().catch(() => undefined) });
}

/** Some test images; undefined for a data set whose files are not there yet. */
async function preview(data: DataName): Promise<Preview | undefined> {
  const set = await (data === 'cifar10'
    ? openStored(false).catch(() => undefined)
    : Shapes10.open({ train: false, length: SHOWN }));
  if (!set) return undefined;
  return imagesOf(
    set,
    Array.from({ length: Math.min(SHOWN, set.length) }, (_, i) => i),
  );
}

async function sayFiles(): Promise<void> {
  const names = await storedFiles();
  const isReady = names.some(isTrainFile) && names.some(isTestFile);
  say({ kind: 'files', names, held: heldFiles(), isReady });
}

const { port1, port2 } = new MessageChannel();
/** Handles pending messages; timers would wait at least 4 ms. */
const letMessagesIn = (): Promise<void> =>
  new Promise((resolve) => {
    port1.onmessage = () => resolve();
    port2.postMessage(undefined);
  });

async function start(settings: Settings): Promise<void> {
  asked = 'run';
  saved = undefined;
  latest = 0;
  const same = session?.settings.network === settings.network && session.settings.data === settings.data;
  if (isLoaded && session && same) {
    await session.model.to(await useDevice(settings.device));
    session = { ...session, settings };
  } else session = await openSession(settings);
  isLoaded = false;
  const current = session;
  await train(current, {
    say: (report) => {
      if (report.kind === 'step') latest = report.step;
      say(report);
    },
    wish: async () => {
      await letMessagesIn();
      return asked;
    },
    resumed: () =>
      new Promise<void>((resolve) => {
        wake = resolve;
      }),
    ...(settings.device === 'webgpu'
      ? {
          measured: async (step) => {
            saved = { step, bytes: await weightsOf(current) };
          },
        }
      : {}),
  });
}

const nameIn = <T extends string>(names: readonly T[], name: string | undefined): T | undefined =>
  names.find((one) => one === name);

/** Loads weights into the network that the file names, else into the chosen one. What was there stays if it fails. */
async function load(bytes: Uint8Array, name: string, settings: Settings): Promise<Session> {
  const { tensors, metadata } = await decodeWeights(bytes, name);
  const opened = await openSession({
    ...settings,
    network: nameIn(NETWORKS, metadata.network) ?? settings.network,
    data: nameIn(DATA, metadata.data) ?? settings.data,
  });
  opened.model.loadStateDict(tensors as never);
  return opened;
}

async function sayLoaded(loaded: Session): Promise<void> {
  const accuracy = await accuracyOf(loaded);
  const { network, data } = loaded.settings;
  say({ kind: 'loaded', network, data, accuracy });
  say({ kind: 'look', ...(await lookAt(loaded)) });
}

/** The GPU was lost: the weights that were kept continue on the processor. */
async function recover(): Promise<void> {
  const [kept, before] = [saved, session];
  session = undefined;
  isLoaded = false;
  if (kept && before) {
    session = await load(kept.bytes, 'weights', { ...before.settings, device: 'wasm' });
    isLoaded = true;
  }
  say({ kind: 'lost', step: latest, ...(isLoaded && kept ? { kept: kept.step } : {}) });
}

async function answer(request: Request): Promise<void> {
  switch (request.kind) {
    case 'preview':
      return say({ kind: 'preview', images: await preview(request.data) });
    case 'keep':
      try {
        for (const file of request.files) await storeFile(file);
      } finally {
        await sayFiles();
      }
      return;
    case 'start':
      return start(request.settings);
    case 'load':
      session = await load(request.bytes, request.name, request.settings).catch((error: unknown) => {
        if (error instanceof CheckpointError) throw new PageError('notLoaded', { message: messageOf(error) });
        throw error;
      });
      isLoaded = true;
      return sayLoaded(session);
    case 'save': {
      if (!session) return;
      const bytes = await weightsOf(session);
      return say({ kind: 'weights', bytes, network: session.settings.network }, [bytes.buffer]);
    }
    case 'pause':
      asked = 'pause';
      return;
    default:
      asked = request.kind === 'resume' ? 'run' : 'stop';
      wake?.();
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function fail(error: unknown): Promise<void> {
  const hasWeights = session !== undefined;
  if (error instanceof NotFinite) return say({ kind: 'bad', step: error.step });
  if (error instanceof PageError) {
    const { key, values } = error;
    return say({ kind: 'trouble', key, values, hasWeights });
  }
  if (error instanceof DeviceError && session?.settings.device === 'wasm') forgetDevice('wasm');
  if (error instanceof PaperweightError && (await hasLostGpu())) return recover();
  say({ kind: 'error', message: messageOf(error), hasWeights });
}

/** Answers the requests that come through a port. */
export function serve(from: Port): void {
  port = from;
  port.onmessage = ({ data }) => {
    answer(data)
      .catch(fail)
      .catch((error: unknown) => {
        say({ kind: 'error', message: String(error), hasWeights: false });
      });
  };
  sayDevices().catch(fail);
  void sayFiles();
}

if (typeof document === 'undefined') serve(self as unknown as Port);
