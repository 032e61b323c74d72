import type { PeerName, PeerPlaces } from './peers.js';
import type { Work } from './work.js';

export interface CompareOptions
  extends Pick<Work, 'what' | 'network' | 'batch' | 'threads' | 'device' | 'precision'> {
  readonly rounds: number;
  /** Steps of each side in a round. */
  readonly steps: number;
  readonly peer?: Exclude<PeerName, 'torchvision'>;
  readonly mode: string;
  readonly places: PeerPlaces;
  /** Seconds that a side may take to get ready, and for each round. */
  readonly limit: number;
  readonly profile?: boolean;
  readonly onProgress?: (line: string) => void;
}
