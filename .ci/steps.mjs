// @ts-check
/*
 * Trains a network for a few steps in a clone, and prints the milliseconds of processor time and of the clock that a step
 * takes (medians), as JSON:
 *
 *   node .ci/steps.mjs <network> <device> <threads> <steps>
 */
const [network = 'resnet20', name = 'onednn', threads = '2', steps = '10'] = process.argv.slice(2);

const load = (/** @type {string} */ file) => import(new URL(`../dist/src/${file}`, import.meta.url).href);
const [{ openDevice }, { manualSeed, nn, optim, tensor }, alexnet, resnet] = await Promise.all([
  load('backend/open.js'),
  load('core.js'),
  load('papers/alexnet/model.js'),
  load('papers/resnet/model.js'),
]);

/** The network, its batch and the side of its images. */
const NETWORKS = {
  resnet20: { make: () => new resnet.ResNet({ depth: 20 }), batch: 128, side: 32 },
  alexnet: { make: () => new alexnet.AlexNet({ numClasses: 10 }), batch: 32, side: 224 },
  quick: { make: () => new alexnet.AlexNet({ numClasses: 10, dropout: 0 }), batch: 16, side: 224 },
};
const chosen = NETWORKS[/** @type {keyof typeof NETWORKS} */ (network)];
if (!chosen) throw new Error(`no network ${network}: ${Object.keys(NETWORKS).join(', ')}`);
const { make, batch, side } = chosen;

manualSeed(1);
const { device } = await openDevice(name, { threads: Number(threads) });
const model = await make().to(device);
const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
const pixels = Float32Array.from({ length: batch * 3 * side ** 2 }, (_, i) => Math.sin(i));
const inputs = tensor(pixels, { shape: [batch, 3, side, side] });
const labels = tensor(
  Int32Array.from({ length: batch }, (_, i) => i % 10),
  { shape: [batch] },
);
/** @type {{ cpu: number, wall: number }[]} */
const times = [];
// The first steps compile plans and start threads.
for (let step = -2; step < Number(steps); step++) {
  const [wall, cpu] = [performance.now(), process.cpuUsage()];
  optimizer.zeroGrad();
  const loss = new nn.CrossEntropyLoss().forward(model.forward(inputs), labels);
  loss.backward();
  optimizer.step();
  await loss.item();
  const { user, system } = process.cpuUsage(cpu);
  if (step >= 0) times.push({ cpu: (user + system) / 1000, wall: performance.now() - wall });
}
const { version, isa } = await device.info();
const median = (/** @type {'cpu' | 'wall'} */ of) =>
  times.map((one) => one[of]).sort((a, b) => a - b)[Math.floor(times.length / 2)];
console.log(
  JSON.stringify({ network, device: name, version, isa, cpu: median('cpu'), wall: median('wall') }),
);
await device.close();
