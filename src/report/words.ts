import type { Language } from '../display/languages.js';

const en = {
  step: 'step',
  epoch: 'epoch',
  loss: 'training loss',
  testAccuracy: 'test accuracy',
  training: 'training',
  test: 'test',
  chance: 'chance level',
  trueClass: 'true class',
  predicted: 'predicted class',
  nearest: 'nearest by the last hidden layer',
  query: 'image',
  dead: 'dead',
  active: 'active',
  input: 'image',
  values: 'params',
  macs: 'multiply-adds',
  above: (n: number, most: number) => `▲ ${n} outside the range, up to ${Number(most.toPrecision(3))}`,
  below: (n: number, least: number) => `▼ ${n} outside the range, down to ${Number(least.toPrecision(3))}`,
  gaps: (n: number) => `× ${n} NaN or infinite`,
};
type Words = Readonly<typeof en>;

const zh: Words = {
  step: '步',
  epoch: '轮',
  loss: '训练损失',
  testAccuracy: '测试准确率',
  training: '训练',
  test: '测试',
  chance: '随机猜测',
  trueClass: '真实类别',
  predicted: '预测类别',
  nearest: '按最后一个隐藏层最近的图像',
  query: '图像',
  dead: '失活',
  active: '激活',
  input: '图像',
  values: '参数',
  macs: '乘加',
  above: (n, most) => `▲ ${n} 处超出范围，最高 ${Number(most.toPrecision(3))}`,
  below: (n, least) => `▼ ${n} 处超出范围，最低 ${Number(least.toPrecision(3))}`,
  gaps: (n) => `× ${n} 处为 NaN 或无穷`,
};

const WORDS: Readonly<Record<Language, Words>> = { en, zh };

/** The texts of the figures. */
export const wordsOf = (language: Language): Words => WORDS[language];
