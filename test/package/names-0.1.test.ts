import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as paperweight from '../../src/index.js';

/** The public values of version 0.1, by namespace; its types are in `types-0.1.ts`. `ops.resizeWeights`, an inner step of `ops.resize`, is gone. */
const NAMES = new Map<object, string>([
  [
    paperweight,
    `CIFAR10 CheckpointError Classifier DataError DataLoader DeviceError Generator ImageFolder PaperweightError Parameter ShapeError Shapes10 Subset Tensor UsageError device enumerate errorFromPlain errorToPlain evaluate evaluateModel exportOnnx full importOnnx manualSeed nn ones openDevice ops optim paperTransforms pictureStatistics readOnnx readPicture readSafetensors readWeights referenceDevice saveWeights setDefaultDevice tensor transforms writeSafetensors zeros`,
  ],
  [
    paperweight.nn,
    `AdaptiveAvgPool2d AvgPool2d BatchNorm2d Conv2d CrossEntropyLoss Dropout Flatten Identity LeakyReLU Linear LocalResponseNorm MaxPool2d Module ReLU Sequential Sigmoid Tanh init inspect`,
  ],
  [
    paperweight.nn.init,
    `constant fans gain kaimingNormal kaimingUniform normal pytorchDefault uniform withoutInit xavierNormal xavierUniform`,
  ],
  [
    paperweight.ops,
    `abs adaptiveAvgPool2d add addScaled affine argmax avgPool2d batchNorm batchNormTrain batchStats broadcastTo cast channelAffine checkPair clamp conv2d crop crossEntropy detach div dropout equal exp flatten flip leakyRelu linear localResponseNorm log logSoftmax matmul max maxPool2d mean mul neg operationNames operationOf permute pow relu reshape resize roundToByte scaleBy sigmoid sign softmax sqrt square sub sum sumOfSquares sumTo tanh topKCorrect windows withScope`,
  ],
  [
    paperweight.optim,
    `CosineAnnealingLR LinearLR MultiStepLR ReduceLROnPlateau SGD StepLR WarmupDecay WeightAverage clipGradNorm clipGradValue finiteGuard replace`,
  ],
  [
    paperweight.transforms,
    `centerCrop colourShift compose normalize pad randomCrop randomHorizontalFlip resize subtractMean tenCrop toTensor`,
  ],
]);

it('every value that version 0.1 exported is still there, at least as a deprecated alias', () => {
  const missing = [...NAMES].flatMap(([space, names]) =>
    names.split(/\s+/).filter((name) => !(name in space)),
  );
  assert.deepEqual(missing, []);
});
