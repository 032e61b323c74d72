import type { Language } from '../svg.js';

const en = {
  summary: 'Summary',
  best: (percent: string, images: string, dataset: string) =>
    `${percent} % of ${images} test images of ${dataset}, which training never saw.`,
  sampled: (images: string, total: string) => `${images} of ${total} (a random sample)`,
  noResult: 'Not measured on test images yet.',
  model: 'Model',
  dataset: 'Data set',
  recipe: 'Recipe',
  seed: 'Seed',
  steps: 'Steps',
  lastLoss: 'Last training loss',
  rate: 'Rate',
  perSecond: 'images a second',
  stepTime: 'Mean time of a step',
  trainingTime: 'Time in training steps',
  memory: 'Largest resident size of the process',
  testTop5: 'Right class among the five most probable',
  measuredHere: 'Accuracy of the best weights, measured for this report (images)',
  epochs: 'Epochs',
  epochColumns: [
    'Epoch',
    'Step',
    'Training loss',
    'Training accuracy',
    'Test loss',
    'Test accuracy',
    'Top-5',
    'Test images',
  ],
  notMeasured: 'Not measured',
  insights: 'A look inside',
  noInsights:
    'This run kept no norms, histograms and kernels. A run keeps them unless it was started with --insight-every 0.',
  configuration: 'Configuration',
  machine: 'Machine',
  footer: 'Made by paperweight report. This page needs no network.',
  captions: {
    architecture:
      'Boxes are as tall as the maps (square-root scale) and as deep as there are many; “/2” is a stride of 2, a plus names the layers that keep the shape.',
    curve: 'Pale: the loss of each step. Strong: its running mean. Dashed: the loss of guessing.',
    'training-error':
      'Share of the training images whose class was not the most probable one, as they were trained on in that epoch.',
    losses: 'Running means, so that runs can be told apart.',
    gradients: 'L2 norms over all weights of a layer, in the steps that were looked into.',
    weights: 'L2 norms over all weights of a layer.',
    'dead-units':
      'Feature maps, or neurons of fully connected layers, that none of 16 fixed test images made positive anywhere.',
    histograms: 'Over 16 fixed test images in evaluation mode.',
    kernels: 'Each kernel is scaled to its own extremes about grey.',
    'kernels-first': 'Each kernel is scaled to its own extremes about grey.',
    confusion: 'A row for each true class; darker where more of its images went.',
    top5: 'The first images of a random sample of the test set, not a selection. The right class has its own colour.',
    neighbours:
      'Euclidean distance between activations of the last hidden layer, among the test images that were measured.',
  } as Readonly<Record<string, string>>,
};
export type PageWords = Readonly<typeof en>;

const zh: PageWords = {
  summary: '概要',
  best: (percent, images, dataset) =>
    `在 ${dataset} 的 ${images} 张测试图片上准确率为 ${percent} %，这些图片从未参与训练。`,
  sampled: (images, total) => `${total} 中随机抽取的 ${images}`,
  noResult: '尚未在测试图片上评测。',
  model: '模型',
  dataset: '数据集',
  recipe: '训练方案',
  seed: '随机种子',
  steps: '步数',
  lastLoss: '最后一步的训练损失',
  rate: '速度',
  perSecond: '张图片每秒',
  stepTime: '平均每步时间',
  trainingTime: '训练步总耗时',
  memory: '进程常驻内存峰值',
  testTop5: '前五名包含正确类别的比例',
  measuredHere: '为本报告评测的最佳权重准确率（图片数）',
  epochs: '各轮结果',
  epochColumns: ['轮', '步', '训练损失', '训练准确率', '测试损失', '测试准确率', '前五', '测试图片'],
  notMeasured: '未评测',
  insights: '模型内部',
  noInsights: '这次训练没有保存范数、直方图和卷积核。除非以 --insight-every 0 启动，训练都会保存它们。',
  configuration: '配置',
  machine: '机器',
  footer: '由 paperweight report 生成。本页面无需联网。',
  captions: {
    architecture:
      '方块的高度对应特征图的边长（平方根刻度），深度对应特征图的数量；“/2” 表示步幅为 2，加号后是不改变形状的层。',
    curve: '浅色：每一步的损失。深色：滑动平均。虚线：随机猜测的损失。',
    'training-error': '该轮训练过程中，概率最高的类别不是正确类别的训练图片所占比例。',
    losses: '滑动平均，便于区分各次训练。',
    gradients: '在被观察的步中，各层全部权重梯度的 L2 范数。',
    weights: '各层全部权重的 L2 范数。',
    'dead-units': '16 张固定的测试图片都无法在任何位置激活的特征图（或全连接层的神经元）。',
    histograms: '16 张固定的测试图片，评测模式。',
    kernels: '每个卷积核以灰色为中心，按自身的极值缩放。',
    'kernels-first': '每个卷积核以灰色为中心，按自身的极值缩放。',
    confusion: '每行对应一个真实类别；颜色越深，该类图片被判为该列类别的越多。',
    top5: '测试集随机样本的前几张图片，未经挑选。正确类别用单独的颜色表示。',
    neighbours: '最后一个隐藏层激活值之间的欧氏距离，仅在评测过的测试图片中查找。',
  },
};

/** Words of the page around the figures. */
export const pageWordsOf = (language: Language): PageWords => (language === 'zh' ? zh : en);
