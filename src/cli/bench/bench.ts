import type { Command } from 'commander';
import { defaultPaper } from '../../papers/registry.js';
import {
  addDeviceOptions,
  examples,
  JSON_OUTPUT,
  oneOf,
  pathName,
  positiveInteger,
} from '../options/options.js';
import { FORCE } from '../options/output-file.js';
import { BENCH_PEERS, BENCHES, type BenchFlags } from './flags.js';

export function register(program: Command): void {
  const command = program
    .command('bench')
    .summary('measure speed, beside another library in the same minutes')
    .description(
      [
        'Measures this machine. Both sides run in turn, in processes that stay: some steps of ours, the machine’s own matrix product (sgemm), as many steps of the peer, and again. Figures are medians; --json has the spread.',
        '',
        '  train          a training step of the network, beside --peer',
        '  infer          a forward pass: latency at batch 1, throughput at 128',
        '  data           the CIFAR-10 loader alone, beside torchvision',
        '  start          from the start of a process to its help and first steps',
        '  step-overhead  what a step of a small net costs beyond its primitives',
        '  guard          plan counters and a rate against bench/baseline.json',
        '  table          the table of docs/speed.md, from the results in --out',
        '',
        'Peers are never installed by this command; it names what to run. npm peers are looked for below the folder that PAPERWEIGHT_PEERS names, else below bench/peers; Python ones in --python.',
      ].join('\n'),
    )
    .argument('<what>', `one of ${BENCHES.join(', ')}`, oneOf('bench', BENCHES))
    .option('--paper <id>', `whose network (default: ${defaultPaper()})`, pathName('--paper'))
    .option('--preset <name>', 'variant of the network (default: the paper’s first)', pathName('--preset'))
    .option('--norm <kind>', 'lrn, or none to leave it out', oneOf('--norm', ['lrn', 'none']), 'lrn')
    .option(
      '--batch <n>',
      'images a step (default: 128; infer: 1 and 128; step-overhead: 32)',
      positiveInteger('--batch', 65_536),
    )
    .option('--rounds <n>', 'turns of both sides', positiveInteger('--rounds', 1000), 5)
    .option(
      '--steps <n>',
      'steps of each side in a round (default: 2; infer at batch 1: 20; step-overhead: 200)',
      positiveInteger('--steps', 100_000),
    )
    .option(
      '--peer <name>',
      `${BENCH_PEERS.join(', ')} (default: pytorch for train and infer, torchvision for data)`,
      oneOf('--peer', BENCH_PEERS),
    )
    .option(
      '--peer-mode <mode>',
      'pytorch: eager, channels-last, compile, compile-channels-last, bf16, bf16-channels-last; tfjs: wasm, cpu (default: the first)',
    )
    .option('--python <path>', 'interpreter that has the Python peers', pathName('--python'), 'python3')
    .option(
      '--data <dir>',
      'for data: folder of CIFAR-10’s .bin files (default: the one that PAPERWEIGHT_CIFAR10 names, else ./data)',
      pathName('--data'),
    )
    .option(
      '--limit <seconds>',
      'most that a side may take to get ready, and for each round; a peer that takes longer counts as impossible',
      positiveInteger('--limit', 86_400),
      300,
    )
    .option('--profile', 'for train and infer: one step of ours by layer and primitive (default: off)')
    .option('--trace <file>', 'the same as a Chrome trace (default: none)', pathName('--trace'))
    .option(...FORCE)
    .option('--save', 'write each result into the folder of --out (default: off)')
    .option('--out <dir>', 'folder of results', pathName('--out'), 'bench/results')
    .option('--update', 'for guard and table: write what was found (default: off)');
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
