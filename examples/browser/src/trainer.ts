import {
  DataLoader,
  type Dataset,
  type Device,
  DeviceError,
  decodeWeights,
  encodeWeights,
  evaluate,
  manualSeed,
  nn,
  noGrad,
  optim,
  Shapes10,
  Subset,
  setDefaultDevice,
  type Tensor,
  transforms,
  wasmDevice,
  webgpuAdapter,
  webgpuDevice,
} from 'paperweight/core';
import { AlexNet, FourLayerNet } from 'paperweight/papers/alexnet/model';
import { ResNet } from 'paperweight/papers/resnet/model';
import { ViT } from 'paperweight/papers/vit/model';
import { openStored } from './cifar10.js';
import { imagesOf, kernelsOf } from './images.js';
import type { DataName, DeviceName, NetworkName, Preview, Report, Request, Settings } from './protocol.js';

/*
 * Trains in a worker, so that the page stays responsive. Messages are handled between steps.
 */

const NETWORKS: Readonly<Record<NetworkName, (classes: number) => nn.Module>> = {
  'four-layer': (numClasses) => new FourLayerNet({ numClasses }),
  alexnet: (numClasses) => new AlexNet({ numClasses, preset: 'batchnorm', hidden: 256 }),
  'resnet-20': (numClasses) => new ResNet({ numClasses, depth: 20 }),
  vit: (numClasses) => new ViT({ numClasses }),
};
const TEST_IMAGES = 500;
const SHOWN = 12;
/** The smallest image that AlexNet accepts; the other networks take the images as they are. */
const SMALLEST = 63;
const { compose, toTensor, resize, normalize } = transforms;
const common = normalize([0.5, 0.5, 0.5], [0.25, 0.25, 0.25]);
const plain = compose([toTensor(), common]);
const enlarged = compose([toTensor(), resize(SMALLEST), common]);
const transformFor = ({ network }: Settings): transforms.Transform =>
  network === 'alexnet' ? enlarged : plain;

const say = (report: Report, transfer: Transferable[] = []): void =>
  (postMessage as (message: Report, transfer: Transferable[]) => void)(report, transfer);

function sayError(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  say({ kind: 'error', message, hasWeights: session !== undefined });
}

interface Session {
  readonly settings: Settings;
  readonly model: nn.Module;
  readonly trainSet: Dataset;
  readonly testSet: Dataset;
}

const devices = new Map<DeviceName, Promise<Device>>();
let session: Session | undefined;
/** Whether the session's weights came from a file, so that training continues from them. */
let isLoaded = false;
let asked: 'run' | 'pause' | 'stop' = 'run';
let wake: (() => void) | undefined;

/** Opens a device once, and makes it the default. */
async function useDevice(name: DeviceName): Promise<Device> {
  let device = devices.get(name);
  if (!device) {
    device = name === 'webgpu' ? webgpuDevice() : Promise.resolve(wasmDevice());
    devices.set(name, device);
    device.catch(() => devices.delete(name));
  }
  setDefaultDevice(await device);
  return device;
}

async function sayDevices(): Promise<void> {
  const { threads } = await (await useDevice('wasm')).info();
  say({ kind: 'devices', threads, gpu: await webgpuAdapter().catch(() => undefined) });
}

const same = (a: Settings, b: Settings): boolean => a.network === b.network && a.data === b.data;

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

async function open(settings: Settings): Promise<Session> {
  const to = await useDevice(settings.device);
  manualSeed(1);
  const openSet = (train: boolean): Promise<Dataset> =>
    settings.data === 'cifar10' ? openStored(train) : Shapes10.open({ train, length: train ? 4000 : 1000 });
  const [trainSet, testSet] = [await openSet(true), await openSet(false)];
  const model = await NETWORKS[settings.network](trainSet.classes.length).to(to);
  return { settings, model, trainSet, testSet };
}

/** Logits in evaluation mode, without gradients. */
async function judge(model: nn.Module, inputs: Tensor): Promise<{ guess: number; probability: number }[]> {
  const probabilities = noGrad(() => model.forward(inputs).softmax(1));
  const [rows, classes] = probabilities.shape as [number, number];
  const values = await probabilities.data();
  return Array.from({ length: rows }, (_, row) => {
    const own = [...values.subarray(row * classes, (row + 1) * classes)];
    const probability = Math.max(...own);
    return { guess: own.indexOf(probability), probability };
  });
}

/** Measures the accuracy, and shows kernels and guesses. */
async function measure(current: Session, step: number): Promise<void> {
  const { model, testSet, settings } = current;
  const transform = transformFor(settings);
  model.eval();
  const length = Math.min(TEST_IMAGES, testSet.length);
  const some = new Subset(
    testSet,
    Array.from({ length }, (_, i) => i),
  );
  let correct = 0;
  for await (const [inputs, labels] of new DataLoader(some, { batchSize: 100, transform })) {
    const expected = await labels.data();
    const judged = await judge(model, inputs);
    correct += judged.filter(({ guess }, i) => guess === expected[i]).length;
  }
  say({ kind: 'accuracy', step, accuracy: correct / length, images: length });
  await look(current);
}

async function look({ model, testSet, settings }: Session): Promise<void> {
  const transform = transformFor(settings);
  model.eval();
  const shown = Array.from({ length: Math.min(SHOWN, testSet.length) }, (_, i) => i);
  const guesses: Awaited<ReturnType<typeof judge>> = [];
  for await (const [inputs] of new DataLoader(new Subset(testSet, shown), { batchSize: SHOWN, transform }))
    guesses.push(...(await judge(model, inputs)));
  model.train();
  say({
    kind: 'look',
    kernels: await kernelsOf(model),
    guesses: {
      ...imagesOf(testSet, shown),
      guesses: guesses.map(({ guess }) => testSet.classes[guess]!),
      probabilities: guesses.map(({ probability }) => probability),
    },
  });
}

const isStopping = (): boolean => asked === 'stop';

const { port1, port2 } = new MessageChannel();
/** Handles pending messages; timers would wait at least 4 ms. */
const letMessagesIn = (): Promise<void> =>
  new Promise((resolve) => {
    port1.onmessage = () => resolve();
    port2.postMessage(undefined);
  });

/**
 * Waits while the page asks for a pause. Lets messages in between steps.
 *
 * @param reported settles when the last step has been reported: a pause comes after it
 */
async function mayGoOn(reported: Promise<void> | undefined): Promise<boolean> {
  await letMessagesIn();
  if (asked === 'pause') {
    await reported;
    say({ kind: 'state', state: 'paused' });
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
    say({ kind: 'state', state: 'running' });
  }
  return !isStopping();
}

async function train(current: Session): Promise<void> {
  const { settings, model, trainSet } = current;
  const { batchSize, epochs, rate } = settings;
  const loader = new DataLoader(trainSet, {
    batchSize,
    shuffle: true,
    dropLast: true,
    transform: transformFor(settings),
  });
  const steps = epochs * Math.floor(trainSet.length / batchSize);
  say({ kind: 'begin', steps, batchSize });
  say({ kind: 'state', state: 'running' });
  const optimizer =
    settings.network === 'vit'
      ? new optim.Adam(model.parameters(), { lr: rate })
      : new optim.SGD(model.parameters(), { lr: rate, momentum: 0.9, weightDecay: 1e-4 });
  const schedule = new optim.CosineAnnealingLR(optimizer, { tMax: Math.max(1, steps) });
  const criterion = new nn.CrossEntropyLoss();
  const lookEvery = Math.max(20, Math.min(100, Math.floor(steps / 20)));
  let step = 0;
  let reported = 0;
  let hasDiverged = false;
  /** Reports a step when its loss is there; the next one is sent before, so that a GPU does not wait for this thread. */
  const report = async (number: number, loss: Tensor, guard: Tensor): Promise<void> => {
    const [[value], [safe]] = (await evaluate(loss, guard)) as [Float32Array, Float32Array];
    if (!Number.isFinite(safe)) hasDiverged = true;
    if (hasDiverged) return;
    const now = performance.now();
    say({ kind: 'step', step: number, loss: value!, rate: (1000 * batchSize) / (now - reported) });
    reported = now;
  };
  let before: Promise<void> | undefined;
  await look(current);
  reported = performance.now();
  for (let epoch = 0; epoch < epochs; epoch++)
    for await (const [inputs, labels] of loader) {
      if (!(await mayGoOn(before))) {
        await before;
        return say({ kind: 'state', state: 'stopped' });
      }
      if (hasDiverged) return say({ kind: 'state', state: 'diverged' });
      optimizer.zeroGrad();
      const loss = criterion.forward(model.forward(inputs), labels);
      loss.backward();
      // A step whose loss or gradients are not finite changes no weights.
      const guard = optim.finiteGuard(
        loss,
        model.parameters().map(({ grad }) => grad!),
      );
      optimizer.step({ compute: [loss, guard], guard });
      schedule.step();
      step++;
      const after = report(step, loss, guard);
      after.catch(() => {});
      await before;
      before = after;
      if (step % lookEvery !== 0 && step !== steps) continue;
      await before;
      if (hasDiverged) return say({ kind: 'state', state: 'diverged' });
      await measure(current, step);
      reported = performance.now();
    }
  say({ kind: 'state', state: 'finished' });
}

async function answer(request: Request): Promise<void> {
  switch (request.kind) {
    case 'preview':
      return say({ kind: 'preview', images: await preview(request.data) });
    case 'start':
      asked = 'run';
      if (isLoaded && session && same(session.settings, request.settings)) {
        await session.model.to(await useDevice(request.settings.device));
        session = { ...session, settings: request.settings };
      } else session = await open(request.settings);
      isLoaded = false;
      return train(session);
    case 'load': {
      const { tensors } = await decodeWeights(request.bytes, request.name);
      const opened = await open(request.settings);
      opened.model.loadStateDict(tensors as never);
      // Only now: a file that does not fit must not cost the weights that are there.
      session = opened;
      isLoaded = true;
      say({ kind: 'begin', steps: 1, batchSize: 1 });
      await measure(session, 0);
      return say({ kind: 'state', state: 'loaded' });
    }
    case 'save': {
      if (!session) return;
      const { network } = session.settings;
      const bytes = await encodeWeights(session.model, {
        network,
        classes: JSON.stringify(session.trainSet.classes),
      });
      return say({ kind: 'weights', network, bytes }, [bytes.buffer]);
    }
    case 'pause':
      asked = 'pause';
      return;
    default:
      asked = request.kind === 'resume' ? 'run' : 'stop';
      wake?.();
  }
}

addEventListener('message', ({ data }: MessageEvent<Request>) => {
  answer(data).catch((error: unknown) => {
    // A device that has lost a thread does not compute again: the next training opens another one.
    if (data.kind === 'start' && error instanceof DeviceError) devices.delete(data.settings.device);
    sayError(error);
  });
});
sayDevices().catch(sayError);
