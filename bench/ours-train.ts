import { nn, openDevice, optim, tensor } from '../src/index.js';
import { AlexNet } from '../src/papers/alexnet/index.js';

/*
 * Paperweight's side of bench/train.ts, in a process of its own like the peer:
 *   node dist/bench/ours-train.js BATCH THREADS WARMUP STEPS
 */
const [batch = 128, threads = 2, warmup = 2, steps = 3] = process.argv.slice(2).map(Number);
const { device } = await openDevice('onednn', { threads });
const info = await device.info();
const model = await new AlexNet({ numClasses: 10 }).to(device);
const criterion = new nn.CrossEntropyLoss();
const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
const pictures = tensor(
  Float32Array.from({ length: batch * 3 * 224 * 224 }, () => Math.random() * 2 - 1),
  { shape: [batch, 3, 224, 224] },
);
const labels = tensor(Int32Array.from({ length: batch }, (_, i) => i % 10));
const seconds: number[] = [];
for (let i = 0; i < warmup + steps; i++) {
  const started = performance.now();
  optimizer.zeroGrad();
  const loss = criterion.forward(model.forward(pictures), labels);
  loss.backward();
  optimizer.step();
  await loss.item();
  seconds.push((performance.now() - started) / 1000);
}
const sgemmGflops = await device.sgemmRate(2048, 5);
const plans = await device.stats();
await device.close();
console.log(
  JSON.stringify({
    info,
    seconds: seconds.slice(warmup),
    peakRssMiB: Math.round(process.resourceUsage().maxRSS / 1024),
    sgemmGflops,
    arenaMiB: Math.round(Math.max(...plans.map((p) => p.arenaBytes)) / 2 ** 20),
    compileSeconds: Math.max(...plans.map((p) => p.compileSeconds)),
  }),
);
