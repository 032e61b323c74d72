import type { Target } from '../target.js';
import { dataTargets } from './data.js';
import { flagsTarget } from './flags.js';
import { httpTarget } from './http.js';
import { imageCacheTarget } from './image-cache.js';
import { imageTargets } from './images.js';
import { jsonTargets } from './json.js';
import { lineTargets } from './lines.js';
import { notesTarget } from './notes.js';
import { onnxTarget } from './onnx.js';
import { pytorchTargets } from './pytorch.js';
import { progressTarget, safetensorsTargets } from './safetensors.js';
import { eventTarget } from './tensorboard.js';

/** All functions that read untrusted input. */
export const TARGETS: readonly Target[] = [
  ...dataTargets,
  ...jsonTargets,
  ...lineTargets,
  ...safetensorsTargets,
  progressTarget,
  ...pytorchTargets,
  onnxTarget,
  ...imageTargets,
  imageCacheTarget,
  notesTarget,
  flagsTarget,
  httpTarget,
  eventTarget,
];
