import type { Command } from 'commander';
import { NETWORK_NAMES } from '../../bench/suite/nets/names.js';
import { UsageError } from '../../errors/errors.js';
import { defaultPaper } from '../../papers/registry.js';
import {
  addDeviceOptions,
  examples,
  filled,
  JSON_OUTPUT,
  oneOf,
  outputName,
  pathName,
  positiveInteger,
} from '../options/options.js';
import { FORCE } from '../options/output-file.js';
import { BENCH_PEERS, BENCHES, type BenchFlags } from './flags.js';

export function register(program: Command): void {
  const command = program
    .command('bench')
    .summary('measure speed and compare with other libraries')
    .description(
      [
        'Measures the speed of this machine. Both sides stay loaded and run alternately: some steps of Paperweight, the machine’s own matrix product (sgemm), then as many steps of the peer, round after round. Results are medians; --json includes the spread.',
        '',
        '  train          a training step, compared with --peer',
        '  infer          a forward pass: latency at batch 1, throughput at 128',
        '  data           the CIFAR-10 loader alone, compared with torchvision',
        '  start          time from process start to the help text and to the first steps',
        '  step-overhead  overhead of a step of a small network beyond its primitives',
        '  suite          a training step of well-known networks, compared with PyTorch; in float32, or bfloat16 with --precision',
        '  scale          predicts the efficiency of 2 to 1,024 ranks from a measured step and, under mpirun, the measured network',
        '  gpu            the GPU of this machine: rates, latency, networks beside their peers, conformance; at most 8 minutes',
        '  guard          plan counters and speed against bench/baseline.json',
        '  table          writes the table of docs/speed.md from the results in --out',
        '',
        'This command never installs peers; it prints the command that does. npm peers are expected in the folder in PAPERWEIGHT_PEERS, otherwise in bench/peers; Python peers in --python.',
      ].join('\n'),
    )
    .argument('<what>', `one of ${BENCHES.join(', ')}`, oneOf('bench', BENCHES))
    .option(
      '--paper <id>',
      `paper whose network is measured (default: ${defaultPaper()})`,
      pathName('--paper'),
    )
    .option('--preset <name>', 'variant of the network (default: the paper’s first)', filled('--preset'))
    .option('--norm <kind>', 'lrn, or none to remove normalisation', oneOf('--norm', ['lrn', 'none']), 'lrn')
    .option(
      '--batch <n>',
      'images per step (default: 128; infer: 1 and 128; step-overhead: 32; scale: 32 a rank)',
      positiveInteger('--batch', 65_536),
    )
    .option('--rounds <n>', 'rounds of both sides', positiveInteger('--rounds', 1000), 5)
    .option(
      '--steps <n>',
      'steps per side in each round (default: 2; infer at batch 1: 20; step-overhead: 200)',
      positiveInteger('--steps', 100_000),
    )
    .option(
      '--peer <name>',
      `${BENCH_PEERS.join(', ')} (default: pytorch for train and infer, torchvision for data)`,
      oneOf('--peer', BENCH_PEERS),
    )
    .option(
      '--peer-mode <mode>',
      'pytorch: eager, channels-last, compile, compile-channels-last, bf16, bf16-channels-last; cuda, cuda-tf32, cuda-bf16; tfjs: wasm, cpu; onnxruntime-web: webgpu, wasm (default: the first)',
    )
    .option(
      '--python <path>',
      'Python interpreter that has the Python peers',
      pathName('--python'),
      'python3',
    )
    .option(
      '--data <dir>',
      'for data: folder with CIFAR-10’s .bin files (default: PAPERWEIGHT_CIFAR10 if set, else ./data)',
      pathName('--data'),
    )
    .option(
      '--limit <seconds>',
      'time limit in seconds for a side’s start and for each round; a peer that exceeds it is reported as impossible',
      positiveInteger('--limit', 86_400),
      300,
    )
    .option('--networks <names>', `for suite: some of ${NETWORK_NAMES.join(',')} (default: all)`, namesOf)
    .option('--profile', 'for train and infer: profile one step by layer and primitive (default: off)')
    .option('--trace <file>', 'write the profile as a Chrome trace (default: none)', outputName('--trace'))
    .option(...FORCE)
    .option('--save', 'write each result into the --out folder (default: off)')
    .option('--out <dir>', 'folder for results', pathName('--out'), 'bench/results')
    .option('--update', 'for guard and table: write the new values (default: off)');
  addDeviceOptions(command)
    .option(...JSON_OUTPUT)
    .addHelpText(
      'after',
      `${examples(
        'paperweight bench train --peer pytorch --python ~/venv/bin/python --save',
        'paperweight bench infer --peer onnxruntime',
        'paperweight bench train --peer none --rounds 1 --profile --trace step.json',
        'paperweight bench guard',
      )}\n\nExit code 3: the peer is not installed.`,
    )
    .action(async (what: (typeof BENCHES)[number], flags: BenchFlags) => {
      const { runBench } = await import('./run.js');
      await runBench(what, flags);
    });
}

/** The networks in a list such as gpt,unet. @throws UsageError for one that is not in the suite */
function namesOf(list: string): string[] {
  const names = list.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !NETWORK_NAMES.some((known) => known === name));
  if (unknown === undefined) return names;
  throw new UsageError({
    what: `--networks: ${JSON.stringify(unknown)} is not a network of the suite`,
    expected: `some of ${NETWORK_NAMES.join(', ')}, separated by commas`,
    got: list,
  });
}
