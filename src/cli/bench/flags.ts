import type { Precision } from '../../backend/backend.js';
import type { DeviceFlags } from '../options/options.js';

/** Measurements and tasks of `bench`. */
export const BENCHES = [
  'train',
  'infer',
  'data',
  'start',
  'step-overhead',
  'suite',
  'scale',
  'gpu',
  'guard',
  'table',
] as const;
export const BENCH_PEERS = [
  'none',
  'pytorch',
  'onnxruntime',
  'tfjs',
  'jax-js',
  'torchvision',
  'tfjs-webgpu',
  'jax-js-webgpu',
  'onnxruntime-web',
] as const;

export interface BenchFlags extends DeviceFlags {
  readonly paper?: string;
  readonly preset?: string;
  readonly norm: 'lrn' | 'none';
  readonly batch?: number;
  readonly precision: Precision;
  readonly rounds: number;
  readonly steps?: number;
  readonly peer?: (typeof BENCH_PEERS)[number];
  readonly peerMode?: string;
  readonly python: string;
  readonly data?: string;
  readonly limit: number;
  readonly profile?: boolean;
  readonly trace?: string;
  readonly force?: boolean;
  readonly save?: boolean;
  readonly out: string;
  readonly update?: boolean;
  readonly networks?: readonly string[];
  readonly json?: boolean;
}
