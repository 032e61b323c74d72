import { grouped } from '../../errors/counted.js';
import { sizeOf } from '../../graph/types.js';
import { Conv2d, Linear, LocalResponseNorm } from '../../nn/index.js';
import { withoutInit } from '../../nn/init.js';
import { inspect } from '../../nn/inspect.js';
import type { Claim } from '../claims/claim.js';
import { counted } from '../claims/kinds.js';
import { AlexNet, type AlexNetPreset } from './model.js';

const layersOf = (preset: AlexNetPreset, numClasses = 1000) => {
  const model = withoutInit(() => new AlexNet({ preset, numClasses }));
  return inspect(model, [3, 224, 224]);
};

const size = (shape: readonly number[]): number => sizeOf(shape.slice(1));

/** Number of output values of each convolution and fully connected layer: what the paper calls neurons. */
function neurons(): number[] {
  return layersOf('paper')
    .layers.filter(({ type }) => type === 'Conv2d' || type === 'Linear')
    .map(({ outputShape }) => size(outputShape));
}

/**
 * Number of values that each of two ranks with a tower each sends for one image, forwards and backwards (towers.ts).
 * @param towers 1: every layer is connected to all maps of the layer before
 */
function exchangedValues(towers: 1 | 2): number {
  const model = withoutInit(() => new AlexNet({ preset: 'paper', towers }));
  const modules = new Map(model.namedModules());
  const { layers } = inspect(model, [3, 224, 224]);
  let sent = 0;
  for (const [i, { name, outputShape }] of layers.entries()) {
    const layer = modules.get(name);
    const before = i === 0 ? 0 : size(layers[i - 1]!.outputShape);
    if (layer instanceof Conv2d && layer.groups === 1) sent += before / 2;
    if (layer instanceof LocalResponseNorm) sent += (layer.size >> 1) * size(outputShape.slice(1));
    // The outputs of the last layer are sums over both towers.
    if (layer instanceof Linear) sent += i === layers.length - 1 ? size(outputShape) : before / 2;
  }
  return 2 * sent;
}

/** Claims decided by counting, without training. */
export const countedClaims: readonly Claim[] = [
  counted({
    id: 'parameters',
    section: '1, 3.5',
    statement: {
      en: 'The network has 60 million parameters.',
      zh: '网络有 6000 万个参数。',
    },
    paperSays: { en: '60 million', zh: '6000 万' },
    rule: {
      en: 'parameters of the paper preset with 1000 classes; confirmed within 2 %',
      zh: 'paper 预设、1000 类时的参数个数；相差不超过 2 % 即证实',
    },
    judge: () => {
      const { parameters } = layersOf('paper');
      const fits = Math.abs(parameters - 60e6) <= 0.02 * 60e6;
      return { verdict: fits ? 'confirmed' : 'refuted', measured: grouped(parameters) };
    },
  }),
  counted({
    id: 'neurons',
    section: '1, 3.5',
    statement: { en: 'It has 650,000 neurons.', zh: '网络有 65 万个神经元。' },
    paperSays: '650,000',
    rule: {
      en: 'outputs of all convolutions and fully connected layers; confirmed within 2 %',
      zh: '所有卷积层与全连接层输出个数之和；相差不超过 2 % 即证实',
    },
    judge: () => {
      const total = neurons().reduce((a, b) => a + b, 0);
      const fits = Math.abs(total - 650e3) <= 0.02 * 650e3;
      return { verdict: fits ? 'confirmed' : 'refuted', measured: grouped(total) };
    },
  }),
  counted({
    id: 'neurons-by-layer',
    section: '3.5',
    statement: {
      en: 'After the image, the layers have 253,440, 186,624, 64,896, 64,896, 43,264, 4096, 4096 and 1000 neurons.',
      zh: '输入之后，各层神经元数依次为 253,440、186,624、64,896、64,896、43,264、4096、4096、1000。',
    },
    paperSays: '253,440 · 186,624 · 64,896 · 64,896 · 43,264 · 4096 · 4096 · 1000',
    rule: { en: 'all eight numbers agree', zh: '八个数全部相同' },
    judge: () => {
      const said = [253_440, 186_624, 64_896, 64_896, 43_264, 4096, 4096, 1000];
      const found = neurons();
      const wrong = found.flatMap((n, i) => (n === said[i] ? [] : [i + 1]));
      return {
        verdict: wrong.length === 0 ? 'confirmed' : 'refuted',
        measured: found.map(grouped).join(' · '),
        ...(wrong.length === 0
          ? {}
          : {
              reason: {
                en: `layer ${wrong.join(', ')} differs: 55 × 55 × 96 is 290,400`,
                zh: `第 ${wrong.join('、')} 层不符：55 × 55 × 96 应为 290,400`,
              },
            }),
      };
    },
  }),
  counted({
    id: 'input-size',
    section: '3.5',
    statement: {
      en: 'A 224 × 224 image convolved with 11 × 11 kernels at stride 4 gives the 55 × 55 feature maps of Figure 2.',
      zh: '224 × 224 的图像经 11 × 11、步幅 4 的卷积得到图 2 中 55 × 55 的特征图。',
    },
    paperSays: '55 × 55',
    rule: {
      en: '(side − 11) / 4 + 1 without padding is 55; refuted otherwise',
      zh: '不加填充时 (边长 − 11) / 4 + 1 等于 55；否则不成立',
    },
    judge: () => {
      const side = (224 - 11) / 4 + 1;
      return {
        verdict: side === 55 ? 'confirmed' : 'refuted',
        measured: `224: ${side}; 224 + 2·2 (floor): ${Math.floor((228 - 11) / 4) + 1}; 227: ${(227 - 11) / 4 + 1}`,
        reason: {
          en: 'needs 2 pixels of padding, or 227 × 227 images, as implementations use',
          zh: '需要 2 像素填充，或改用 227 × 227 的图像；各实现正是如此',
        },
      };
    },
  }),
  counted({
    id: 'convolution-share',
    section: '1',
    statement: {
      en: 'Each convolutional layer has at most 1 % of the parameters.',
      zh: '每个卷积层的参数不超过全部参数的 1 %。',
    },
    paperSays: '≤ 1 %',
    rule: {
      en: 'largest share of a convolution in the paper preset; confirmed up to 1.0 %',
      zh: 'paper 预设中单个卷积层的最大占比；不超过 1.0 % 即证实',
    },
    judge: () => {
      const { layers, parameters } = layersOf('paper');
      const shares = layers
        .filter(({ type }) => type === 'Conv2d')
        .map((layer) => (100 * layer.parameters) / parameters);
      const largest = Math.max(...shares);
      return {
        verdict: largest <= 1 ? 'confirmed' : 'refuted',
        measured: shares.map((share) => `${share.toFixed(2)} %`).join(' · '),
      };
    },
  }),
  counted({
    id: 'two-towers-cost',
    section: '3.2',
    statement: {
      en: 'Removing the connections between the two towers keeps the amount of computation acceptable.',
      zh: '切断两塔之间的连接，使计算量保持在可接受的范围。',
    },
    paperSays: '—',
    rule: {
      en: 'multiply-adds of one forward pass with two towers and with one; confirmed if two towers need fewer',
      zh: '双塔与单塔一次前向传播的乘加次数；双塔更少即证实',
    },
    judge: () => {
      const [two, one] = [layersOf('paper').macs, layersOf('notes').macs];
      return {
        verdict: two < one ? 'confirmed' : 'refuted',
        measured: `${grouped(two)} / ${grouped(one)} (${((100 * two) / one).toFixed(0)} %)`,
      };
    },
  }),
  counted({
    id: 'tower-exchange',
    section: '3.2',
    statement: {
      en: 'The two processors communicate only in certain layers, so that the exchange stays an acceptable fraction of the computation.',
      zh: '两块处理器只在某些层通信，因此通信量相对于计算量可以接受。',
    },
    paperSays: '—',
    rule: {
      en: 'values that each of two ranks sends for one image with --parallel towers, beside the same with connections between all maps; confirmed below half',
      zh: '--parallel towers 下两个 rank 各自为一张图像发送的数值个数，与所有特征图都相连时之比；不到一半即证实',
    },
    judge: () => {
      const [sent, all] = [exchangedValues(2), exchangedValues(1)];
      const { parameters } = layersOf('paper');
      return {
        verdict: 2 * sent < all ? 'confirmed' : 'refuted',
        measured: `${grouped(sent)} / ${grouped(all)} (${Math.round((100 * sent) / all)} %)`,
        reason: {
          en: `ranks that divide the batch instead send ${grouped(parameters)} gradients a step, as many values as the towers for ${Math.round(parameters / sent)} images`,
          zh: `若改为划分批次，每步要发送 ${grouped(parameters)} 个梯度，相当于两座塔处理 ${Math.round(parameters / sent)} 张图像的通信量`,
        },
      };
    },
  }),
];
