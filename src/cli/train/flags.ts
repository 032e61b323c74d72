import type { DatasetName } from '../../run/dataset-names.js';
import type { FinetuneFlags } from '../options/finetune.js';
import type { ModelFlags } from '../options/model.js';
import type { DeviceFlags } from '../options/options.js';

/** What the command line of `train` holds, under commander's names. */
export interface TrainFlags extends DeviceFlags, ModelFlags, FinetuneFlags {
  readonly preset?: string;
  readonly dropout?: number;
  readonly imageSize?: number;
  readonly dataset?: DatasetName;
  readonly data?: string;
  readonly epochs?: number;
  readonly maxSteps?: number;
  readonly batchSize?: number;
  readonly lr?: number;
  readonly momentum?: number;
  readonly weightDecay?: number;
  readonly seed?: number;
  readonly run?: string;
  readonly resume?: boolean;
  readonly dryRun?: boolean;
  readonly checkpointEvery?: number;
  readonly evalLimit?: number;
  readonly serve?: number | true;
  readonly control?: boolean;
  readonly insightEvery?: number;
  readonly logDir?: string;
  readonly json?: boolean;
}
