import type { Language } from '../display/languages.js';
import { grouped } from '../errors/counted.js';

const en = {
  architecture: 'Network architecture, from the actual model',
  curve: 'Training loss and test accuracy',
  loss: 'Training loss',
  trainingError: 'Training error over epochs',
  losses: 'Training loss, smoothed',
  gradients: 'Norms of the weight gradients',
  weights: 'Norms of the weights',
  deadUnits: 'Dead units of each activation layer',
  histograms: (step: number) =>
    `Outputs of the activation layers after step ${grouped(step)} (logarithmic height)`,
  kernels: (step: number) => `Kernels of the first layer after step ${grouped(step)}`,
  samples: (step: number, name: string) =>
    `Images from the model after step ${grouped(step)}${name === 'samples' ? '' : `: ${name}`}`,
  logged: (name: string, step: number) => `${name}, step ${grouped(step)}`,
  atStep: (step: number) => `step ${grouped(step)}`,
  distributions: 'Distributions (logarithmic height)',
  confusion: 'Confusion matrix',
  top5: 'Test images and the five most probable classes',
  neighbours: 'Test images and their nearest neighbours',
};
type Titles = Readonly<typeof en>;

const zh: Titles = {
  architecture: '网络结构（按实际模型绘制）',
  curve: '训练损失与测试准确率',
  loss: '训练损失',
  trainingError: '各轮训练错误率',
  losses: '训练损失（平滑后）',
  gradients: '权重梯度的范数',
  weights: '权重的范数',
  deadUnits: '各激活层的失活单元',
  histograms: (step) => `第 ${grouped(step)} 步后各激活层的输出分布（纵轴为对数）`,
  kernels: (step) => `第 ${grouped(step)} 步后的第一层卷积核`,
  samples: (step, name) => `第 ${grouped(step)} 步后模型生成的图像${name === 'samples' ? '' : `：${name}`}`,
  logged: (name, step) => `${name}，第 ${grouped(step)} 步`,
  atStep: (step) => `第 ${grouped(step)} 步`,
  distributions: '数值分布（纵轴为对数）',
  confusion: '混淆矩阵',
  top5: '测试图像与概率最高的五个类别',
  neighbours: '测试图像及其最近邻',
};

/** Figure titles in a language. */
export const titlesOf = (language: Language): Titles => (language === 'zh' ? zh : en);
