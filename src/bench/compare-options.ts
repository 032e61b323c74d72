import type { PeerName, PeerPlaces } from './peers.js';
import type { Work } from './work.js';

export interface CompareOptions
  extends Pick<Work, 'what' | 'network' | 'batch' | 'threads' | 'device' | 'precision'> {
  readonly rounds: number;
  /** Steps per side in each round. */
  readonly steps: number;
  readonly peer?: Exclude<PeerName, 'torchvision'>;
  readonly mode: string;
  readonly places: PeerPlaces;
  /** Time limit, in seconds, for a side's start and for each of its rounds. */
  readonly limit: number;
  readonly profile?: boolean;
  readonly onProgress?: (line: string) => void;
}
