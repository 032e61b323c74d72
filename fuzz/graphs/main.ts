import { parseArgs } from 'node:util';
import { fuzz } from './fuzz.js';
import { SOURCES, type Source } from './programs.js';
import { ENGINE_NAMES, hasPrecision, type Setting } from './setting.js';

const HELP = `Usage: node dist/fuzz/graphs/main.js [source] [options]

Sources: ${SOURCES.join(', ')} (default: graphs)

  --device <name>     ${ENGINE_NAMES.join(', ')} (default: onednn)
  --precision <type>  float32 (default), bfloat16 (onednn) or float16 (webgpu)
  --inputs            plans take numbers as inputs
  --threads <n>       threads of the device (default: 2)
  --count <n>         programs (default: 1000)
  --seed <n>          what all random choices depend on (default: a random one, which is printed)
  --from <n>          number of the first program (default: 0)
`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      device: { type: 'string', default: 'onednn' },
      precision: { type: 'string', default: 'float32' },
      inputs: { type: 'boolean', default: false },
      threads: { type: 'string', default: '2' },
      count: { type: 'string', default: '1000' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
      from: { type: 'string', default: '0' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  const [threads, count, seed, from] = [values.threads, values.count, values.seed, values.from].map(
    Number,
  ) as [number, number, number, number];
  const { device, precision, inputs } = values;
  const source = (positionals[0] ?? 'graphs') as Source;
  const fits =
    SOURCES.includes(source) &&
    ENGINE_NAMES.includes(device) &&
    [threads, count, seed, from].every((n) => Number.isSafeInteger(n) && n >= 0);
  if (!fits || !hasPrecision(device, precision)) {
    process.stderr.write(HELP);
    process.exitCode = 2;
    return;
  }
  const setting: Setting = { device, precision, threads, inputs };
  const { about, same, unfit, failures } = await fuzz(setting, {
    source,
    seed,
    from,
    count,
    onFailure: (failure) => process.stdout.write(`${failure}\n`),
  });
  process.stdout.write(
    `${about}: seed ${seed}, ${source} ${from} to ${from + count - 1}: ${same} the same, ${unfit} left out, ${failures.length} failures\n`,
  );
  process.exitCode = failures.length > 0 ? 1 : 0;
}

await main();
