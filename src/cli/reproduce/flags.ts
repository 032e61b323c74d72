import type { DeviceFlags } from '../options/options.js';

export interface ReproduceFlags extends DeviceFlags {
  readonly claim?: readonly string[];
  readonly budget?: number;
  readonly list?: boolean;
  readonly data?: string;
  readonly runs: string;
  readonly results?: string;
  readonly json?: boolean;
}
