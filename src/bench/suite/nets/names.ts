/** Networks of `bench suite`, in the order of its table. Without their code, so that the command line can list them. */
export const NETWORK_NAMES = [
  'mlpSmall',
  'mlp',
  'resnet18',
  'mobilenetV2',
  'densenet',
  'vit',
  'unet',
  'charLstm',
  'gpt',
  'googlenet',
  'seResnet',
  'vae',
  'dcgan',
] as const;

export type NetworkName = (typeof NETWORK_NAMES)[number];
