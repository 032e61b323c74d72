import type { Target } from '../target.js';
import { dataTargets } from './data.js';
import { jsonTargets } from './json.js';
import { lineTargets } from './lines.js';
import { progressTarget, safetensorsTargets } from './safetensors.js';

/** Every way into the code from outside. */
export const TARGETS: readonly Target[] = [
  ...dataTargets,
  ...jsonTargets,
  ...lineTargets,
  ...safetensorsTargets,
  progressTarget,
];
