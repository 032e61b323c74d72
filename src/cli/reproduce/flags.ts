import type { Shard } from '../../papers/claims/shard.js';
import type { DeviceFlags } from '../options/options.js';

export interface ReproduceFlags extends DeviceFlags {
  readonly claim?: readonly string[];
  readonly shard?: Shard;
  readonly budget?: number;
  readonly list?: boolean;
  readonly data?: string;
  readonly runs: string;
  readonly results?: string;
  readonly json?: boolean;
}
