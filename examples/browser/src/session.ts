import {
  type Dataset,
  type Device,
  manualSeed,
  type nn,
  Shapes10,
  setDefaultDevice,
  tensor,
  transforms,
  wasmDevice,
  webgpuDevice,
} from 'paperweight/core';
import { AlexNet, FourLayerNet } from 'paperweight/papers/alexnet/model';
import { ResNet } from 'paperweight/papers/resnet/model';
import { ViT } from 'paperweight/papers/vit/model';
import type { DataName, DeviceName, NetworkName, Settings } from './protocol.js';
import { openStored } from './storage.js';

const NETWORKS: Readonly<Record<NetworkName, (classes: number) => nn.Module>> = {
  'four-layer': (numClasses) => new FourLayerNet({ numClasses }),
  alexnet: (numClasses) => new AlexNet({ numClasses, preset: 'batchnorm', hidden: 256 }),
  'resnet-20': (numClasses) => new ResNet({ numClasses, depth: 20 }),
  vit: (numClasses) => new ViT({ numClasses }),
};
/** The smallest image that AlexNet accepts; the other networks take the images as they are. */
const SMALLEST = 63;
const { compose, toTensor, resize, normalize } = transforms;
const common = normalize([0.5, 0.5, 0.5], [0.25, 0.25, 0.25]);
const plain = compose([toTensor(), common]);
const enlarged = compose([toTensor(), resize(SMALLEST), common]);

export const transformFor = ({ network }: Settings): transforms.Transform =>
  network === 'alexnet' ? enlarged : plain;

/** A network and its data. */
export interface Session {
  readonly settings: Settings;
  readonly model: nn.Module;
  readonly trainSet: Dataset;
  readonly testSet: Dataset;
}

const devices = new Map<DeviceName, Promise<Device>>();

/** Opens a device once, and makes it the default. */
export async function useDevice(name: DeviceName): Promise<Device> {
  let device = devices.get(name);
  if (!device) {
    device = name === 'webgpu' ? webgpuDevice() : Promise.resolve(wasmDevice());
    devices.set(name, device);
    device.catch(() => devices.delete(name));
  }
  setDefaultDevice(await device);
  return device;
}

/** Opens a device again when it is used next: one that has lost a thread does not compute any more. */
export const forgetDevice = (name: DeviceName): boolean => devices.delete(name);

/** Whether a GPU that was opened still answers. One that does not is opened again when it is used next. */
export async function hasLostGpu(): Promise<boolean> {
  const device = await devices.get('webgpu')?.catch(() => undefined);
  if (!device) return false;
  try {
    await (await tensor([0]).to(device)).data();
    return false;
  } catch {
    devices.delete('webgpu');
    device.close().catch(() => {});
    return true;
  }
}

/** Images of a data set. */
export const openSet = (data: DataName, train: boolean): Promise<Dataset> =>
  data === 'cifar10' ? openStored(train) : Shapes10.open({ train, length: train ? 4000 : 1000 });

/** A network with random weights. */
export async function openSession(settings: Settings): Promise<Session> {
  const to = await useDevice(settings.device);
  manualSeed(1);
  const [trainSet, testSet] = [await openSet(settings.data, true), await openSet(settings.data, false)];
  const model = await NETWORKS[settings.network](trainSet.classes.length).to(to);
  return { settings, model, trainSet, testSet };
}
