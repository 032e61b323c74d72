import { charLstm } from './char-lstm.js';
import { dcgan } from './dcgan.js';
import { densenet } from './densenet.js';
import { googlenet } from './googlenet.js';
import { gpt } from './gpt.js';
import { mlp, mlpSmall } from './mlp.js';
import { mobilenetV2 } from './mobilenet-v2.js';
import type { NetworkName } from './names.js';
import type { Net } from './net.js';
import { resnet18 } from './resnet18.js';
import { seResnet } from './se-resnet.js';
import { unet } from './unet.js';
import { vae } from './vae.js';
import { vit } from './vit.js';

export const NETS: Readonly<Record<string, Net>> = {
  mlpSmall,
  mlp,
  resnet18,
  mobilenetV2,
  densenet,
  vit,
  unet,
  charLstm,
  gpt,
  googlenet,
  seResnet,
  vae,
  dcgan,
} satisfies Record<NetworkName, Net>;
