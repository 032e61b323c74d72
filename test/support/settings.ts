import type { Settings } from '../../src/cli/train/config.js';
import type { TrainConfig } from '../../src/run/config.js';

/** The configuration of a run on shapes10 with these classes. */
export const onShapes = ({ model, ...settings }: Settings, classes: readonly string[]): TrainConfig => ({
  ...settings,
  dataset: 'shapes10',
  model: { ...model, classes: [...classes] },
});
