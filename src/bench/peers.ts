import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PaperweightError } from '../errors/errors.js';
import { shellWord } from '../errors/shell-word.js';
import type { SideCommand } from './side.js';

/** A peer is not installed. The command line uses a separate exit code for it. */
export class MissingPeerError extends PaperweightError {
  static {
    MissingPeerError.prototype.name = 'MissingPeerError';
  }
}

export type PeerName =
  | 'pytorch'
  | 'pytorch-suite'
  | 'onnxruntime'
  | 'onnxruntime-web'
  | 'tfjs'
  | 'tfjs-webgpu'
  | 'jax-js'
  | 'jax-js-webgpu'
  | 'torchvision';

interface Peer {
  readonly runtime: 'python' | 'node';
  readonly script: string;
  /** Required Python modules or npm packages. */
  readonly needs: readonly string[];
  readonly modes: readonly string[];
  /**
   * Supported measurements, each with the most GFLOP that are practical in a step: a larger batch is measured with fewer
   * images, and its results are scaled.
   */
  readonly largest: { readonly train?: number; readonly infer?: number };
  /** What it builds networks from; left out if it reads the ONNX file, or builds none. */
  readonly describe?: 'layers' | 'layers or graphs';
}

const ANY = Number.POSITIVE_INFINITY;

export const PEERS: Readonly<Record<PeerName, Peer>> = {
  pytorch: {
    runtime: 'python',
    // Not pytorch.py: libraries that probe for a module named pytorch would import it.
    script: 'pytorch_steps.py',
    needs: ['torch', 'numpy'],
    modes: [
      ...['eager', 'channels-last', 'compile', 'compile-channels-last'],
      ...['bf16', 'bf16-channels-last', 'compile-bf16'],
      ...['cuda', 'cuda-tf32', 'cuda-bf16'],
    ],
    largest: { train: ANY, infer: ANY },
    describe: 'layers',
  },
  'pytorch-suite': {
    runtime: 'python',
    script: 'pytorch_suite.py',
    needs: ['torch'],
    modes: ['eager'],
    largest: {},
  },
  onnxruntime: {
    runtime: 'node',
    script: 'onnxruntime.mjs',
    needs: ['onnxruntime-node'],
    modes: ['cpu'],
    largest: { infer: ANY },
  },
  tfjs: {
    runtime: 'node',
    script: 'tfjs.mjs',
    needs: ['@tensorflow/tfjs', '@tensorflow/tfjs-backend-wasm'],
    modes: ['wasm', 'cpu'],
    largest: { train: 8, infer: 12 },
    describe: 'layers or graphs',
  },
  'jax-js': {
    runtime: 'node',
    script: 'jax-js.mjs',
    needs: ['@jax-js/jax'],
    modes: ['wasm'],
    largest: { train: 8, infer: 2 },
    describe: 'layers or graphs',
  },
  // On the adapter of our own webgpu device, in Node.
  'tfjs-webgpu': {
    runtime: 'node',
    script: 'tfjs.mjs',
    needs: ['@tensorflow/tfjs', '@tensorflow/tfjs-backend-webgpu'],
    modes: ['webgpu'],
    largest: { train: ANY, infer: ANY },
    describe: 'layers or graphs',
  },
  'jax-js-webgpu': {
    runtime: 'node',
    script: 'jax-js.mjs',
    needs: ['@jax-js/jax'],
    modes: ['webgpu'],
    largest: { train: ANY, infer: ANY },
    describe: 'layers or graphs',
  },
  'onnxruntime-web': {
    runtime: 'node',
    script: 'onnxruntime-web.mjs',
    needs: ['onnxruntime-web'],
    modes: ['webgpu', 'wasm'],
    largest: { infer: ANY },
  },
  torchvision: {
    runtime: 'python',
    script: 'torchvision_cifar.py',
    needs: ['torch', 'torchvision', 'numpy'],
    modes: [''],
    largest: {},
  },
};

/** The largest practical batch of a peer; 0 if it cannot measure this. */
export function largestBatch(name: PeerName, what: 'train' | 'infer', gflopPerImage: number): number {
  const most = PEERS[name].largest[what];
  return most === undefined ? 0 : Math.max(1, Math.floor(most / gflopPerImage));
}

/** Folder of the peers' scripts; its package.json pins the npm packages. */
const SCRIPTS = fileURLToPath(new URL('../../../bench/peers/', import.meta.url));

export interface PeerPlaces {
  /** Python interpreter that has the Python peers. */
  readonly python: string;
  /** Folder whose node_modules contains the npm peers. */
  readonly folder: string;
}

export const peerFolder = (): string => process.env.PAPERWEIGHT_PEERS || SCRIPTS;

/**
 * The command that starts a peer.
 *
 * @param args arguments of its script, such as the path of work.json
 * @throws MissingPeerError with the command that installs the peer; nothing is installed automatically
 */
export async function peerCommand(
  name: PeerName,
  args: readonly string[],
  { python, folder }: PeerPlaces,
  threads: number,
): Promise<SideCommand> {
  const { runtime, script, needs } = PEERS[name];
  const missing =
    runtime === 'node'
      ? needs.filter((one) => !existsSync(join(folder, 'node_modules', one, 'package.json')))
      : await missingModules(python, needs);
  if (missing.length > 0)
    throw new MissingPeerError({
      what: `The peer ${name} is not installed`,
      expected: needs.join(' and '),
      got: `no ${missing.join(', ')} ${runtime === 'node' ? `below ${folder}` : `for ${python}`}`,
      next: `${installHint(name, runtime, folder)}; or measure without a peer: --peer none`,
    });
  const env = { OMP_NUM_THREADS: String(threads) };
  return runtime === 'node'
    ? {
        name,
        command: process.execPath,
        args: [join(SCRIPTS, script), ...args],
        env: { ...env, PAPERWEIGHT_PEERS: folder },
      }
    : { name, command: python, args: [join(SCRIPTS, script), ...args], env };
}

/** In words that every shell reads. */
function installHint(name: PeerName, runtime: Peer['runtime'], folder: string): string {
  if (runtime === 'node') {
    const { dependencies } = JSON.parse(readFileSync(join(SCRIPTS, 'package.json'), 'utf8')) as {
      readonly dependencies: Readonly<Record<string, string>>;
    };
    const packages =
      folder === SCRIPTS ? [] : Object.entries(dependencies).map(([one, version]) => `${one}@${version}`);
    // An install script of onnxruntime-node fetches the libraries of CUDA.
    return `npm install --ignore-scripts --prefix ${[folder, ...packages].map((word) => shellWord(word)).join(' ')}`;
  }
  const packages = name === 'torchvision' ? 'torch torchvision numpy' : 'torch numpy';
  const windows = process.platform === 'win32';
  const bin = windows ? 'peers\\Scripts\\' : 'peers/bin/';
  return `run: ${windows ? 'python' : 'python3'} -m venv peers; then: ${bin}pip install ${packages}; then add --python ${bin}python${windows ? '' : ' (on Debian, apt-get install python3-torch gives an older version)'}`;
}

const run = promisify(execFile);

async function missingModules(python: string, modules: readonly string[]): Promise<string[]> {
  const script =
    'import importlib.util, sys; print(" ".join(m for m in sys.argv[1:] if importlib.util.find_spec(m) is None))';
  try {
    const { stdout } = await run(python, ['-c', script, ...modules]);
    return stdout.split(/\s+/).filter(Boolean);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new MissingPeerError({
      what: `Cannot run the Python interpreter ${python}`,
      expected: 'a Python 3 with the peer’s packages',
      got: code === 'ENOENT' ? 'no such program' : message,
      next: 'name one with --python',
    });
  }
}
