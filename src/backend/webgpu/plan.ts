import type { Graph } from '../../graph/graph.js';
import { sizeOf, type TypedArray } from '../../graph/types.js';
import { f } from '../../ops/formula.js';
import type { PlanStats, ProfileRow } from '../backend.js';
import { checkFits, checkNumberOf, checkStorage } from '../check-values.js';
import { assemble } from '../plan/assemble.js';
import type { Region } from '../plan/region.js';
import { poolFirst } from '../plan/rewrite.js';
import { scriptOf } from '../plan/scripted.js';
import type { GpuBuffer } from './api.js';
import { bindSteps } from './bind.js';
import { type HostWork, roomFor, type Value, WebGpuBuilder } from './builder.js';
import { checkFeeds, type IndexCheck, indexChecks } from './checks.js';
import { type Command, encode, type Place } from './commands.js';
import { checkType, type WebGpuEngine } from './engine.js';
import { type FinalStep, joinSteps } from './join.js';
import { together } from './kernels/joined.js';
import { entry, WORKGROUP } from './kernels/map.js';
import { emitLinear } from './lower/cluster.js';
import { emitScratch } from './lower/emit.js';
import { lower } from './lower/index.js';
import { placeRegions } from './places.js';
import { splitNorms } from './rewrite.js';

/** A plan whose commands are bound to buffers. */
interface BoundCommands {
  readonly commands: readonly Command[];
  readonly placeOf: (region: Region) => Place;
  readonly constants: readonly GpuBuffer[];
  /** Places of the storages when the commands were bound. */
  readonly storages: readonly Place[];
}

/** The buffers of a plan. */
interface PlanMemory {
  readonly placeOf: (region: Region) => Place;
  readonly release: () => void;
}

/** A graph compiled to kernels. @throws DeviceError for a float64 value, and for an operation without a kernel */
export class WebGpuPlan {
  readonly #engine: WebGpuEngine;
  readonly #written: Graph;
  readonly #graph: Graph;
  readonly #builder: WebGpuBuilder;
  readonly #steps: readonly FinalStep[];
  readonly #checks: readonly IndexCheck[];
  /** Two words for each check on the GPU: one more than the position of a bad value, or 0, and the value. */
  readonly #status: Value | undefined;
  readonly #outputs: readonly Value[];
  readonly #began = performance.now();
  #memory: PlanMemory | undefined;
  #bound: BoundCommands | undefined;
  #compileSeconds = 0;
  #runSeconds = 0;

  constructor(engine: WebGpuEngine, written: Graph) {
    this.#engine = engine;
    this.#written = written;
    for (const { dtype, op, scope } of written.nodes)
      checkType(dtype, `A value (${op}${scope ? ` in ${scope}` : ''})`);
    const graph = splitNorms(poolFirst(written, () => false));
    this.#graph = graph;
    this.#checks = indexChecks(graph);
    const onGpu = this.#checks.filter(({ feed }) => feed === undefined);
    const b = new WebGpuBuilder(graph, engine.limits, onGpu.length > 0);
    this.#builder = b;
    for (const i of graph.feeds) b.define(i, b.newValue(i));
    graph.storages.forEach((i, slot) => {
      b.define(i, b.slots[slot]!);
    });
    this.#status = onGpu.length > 0 ? b.scratch('int32', 2 * onGpu.length) : undefined;
    onGpu.forEach((check, n) => {
      if (graph.storages.includes(check.node)) addCheck(b, check, n, this.#status!);
    });
    const { outputs } = assemble(
      b,
      graph.feeds.map((i) => b.value(i).region),
      (i) => b.value(i).region,
      {
        lower: (i) => {
          const at = onGpu.flatMap(({ node }, n) => (node === i ? [n] : []));
          lower(b, i);
          for (const n of at) addCheck(b, onGpu[n]!, n, this.#status!);
        },
        plain: (i) => {
          if (i === graph.guard && onGpu.length === 0) b.verdict = b.value(i);
          return b.value(i);
        },
        copy: (i, value) => copy(b, i, value, b.newValue(i)),
        stored: (i) => b.value(i),
        store: (i, value, slot) => {
          if (onGpu.length > 0) b.verdict ??= verdictOf(b, i, onGpu.length, this.#status!);
          copy(b, i, value, b.slots[slot]!);
        },
      },
    );
    this.#outputs = outputs;
    this.#steps = joinSteps(b);
  }

  get stats(): PlanStats {
    const steps = this.#steps;
    return {
      primitives: this.#bound?.commands.length ?? steps.length,
      reorders: 0,
      arenaBytes: this.#engine.memory.shared.reduce((sum, { bytes }) => sum + bytes, 0),
      packedBytes: 0,
      scripted: steps.filter(({ kernel }) => kernel === 'typescript').map(({ op }) => op),
      compileSeconds: this.#compileSeconds,
      runSeconds: this.#runSeconds,
    };
  }

  /**
   * Sends a run. Resolves when its commands are with the GPU; the function returned waits for the outputs.
   */
  async start(
    feeds: readonly TypedArray[],
    storages: readonly number[],
  ): Promise<() => Promise<TypedArray[]>> {
    const { commands, placeOf } = await this.#ready(feeds, storages);
    const began = performance.now();
    const values = this.#outputs.map((value) => at(value, placeOf));
    if (this.#status) values.push(at(this.#status, placeOf));
    let from = 0;
    for (;;) {
      const host = commands.findIndex((command, n) => n >= from && 'host' in command);
      const part = commands.slice(from, host < 0 ? undefined : host);
      if (host < 0) {
        const finish = await this.#engine.downloading(values, (encoder) => encode(encoder, part));
        return async () => {
          const results = await finish();
          this.#runSeconds += (performance.now() - began) / 1000;
          if (this.#status) this.#checkStatus(results.pop()!);
          return results;
        };
      }
      await this.#exchange((commands[host] as { host: HostWork }).host, placeOf, part);
      from = host + 1;
    }
  }

  /** Does the work of this thread: reads values back, and writes the result. */
  async #exchange(
    { node, inputs, output }: HostWork,
    placeOf: BoundCommands['placeOf'],
    before: readonly Command[],
  ): Promise<void> {
    const engine = this.#engine;
    const places = inputs.map((value) => at(value, placeOf));
    const read = await engine.downloading([...places, at(output, placeOf)], (encoder) =>
      encode(encoder, before),
    );
    const arrays = await read();
    const result = arrays.pop()!;
    scriptOf(this.#graph, node)(arrays, result);
    engine.gate.scoped('values', () => engine.upload(at(output, placeOf), result));
  }

  /** Runs each command by itself and measures it. */
  async profile(feeds: readonly TypedArray[], storages: readonly number[]): Promise<ProfileRow[]> {
    const { commands, placeOf } = await this.#ready(feeds, storages);
    const engine = this.#engine;
    const rows: ProfileRow[] = [];
    const seen = new Set<number>();
    const finish = async (): Promise<void> => {
      await engine.gate.waited(engine.device.queue.onSubmittedWorkDone());
    };
    await finish();
    for (const command of commands) {
      const { op, scope, kernel, macs } = this.#steps[command.step]!;
      const began = performance.now();
      if ('host' in command) await this.#exchange(command.host, placeOf, []);
      else {
        const { accepted } = engine.gate.scoped('the commands of a run', () => {
          const encoder = engine.device.createCommandEncoder();
          encode(encoder, [command]);
          engine.device.queue.submit([encoder.finish()]);
        });
        await finish();
        await accepted;
      }
      // The parts of one step count its operations once.
      const first = !seen.has(command.step);
      seen.add(command.step);
      const ran = 'host' in command ? kernel : command.kernel;
      rows.push({ op, scope, kernel: ran, milliseconds: performance.now() - began, macs: first ? macs : 0 });
    }
    return rows;
  }

  /** Checks the values of a run, binds the plan and copies the feeds. */
  async #ready(feeds: readonly TypedArray[], storages: readonly number[]): Promise<BoundCommands> {
    const graph = this.#written;
    checkNumberOf('feeds', graph.feeds.length, feeds.length);
    checkNumberOf('storages', graph.storages.length, storages.length);
    graph.feeds.forEach((i, n) => {
      checkFits(`Feed ${n}`, graph.nodes[i]!, feeds[n]!);
    });
    const places = storages.map((id, slot) => {
      const { spec, place } = this.#engine.stored(id);
      checkStorage(id, graph.nodes[graph.storages[slot]!]!, spec);
      return place;
    });
    checkFeeds(this.#checks, feeds);
    const bound = await this.#bind(places);
    this.#engine.gate.scoped('values', () => {
      this.#graph.feeds.forEach((i, n) => {
        this.#engine.upload(at(this.#builder.value(i), bound.placeOf), feeds[n]!);
      });
    });
    return bound;
  }

  async #bind(storages: readonly Place[]): Promise<BoundCommands> {
    const old = this.#bound;
    if (
      old &&
      storages.every(
        ({ buffer, offset }, n) => buffer === old.storages[n]!.buffer && offset === old.storages[n]!.offset,
      )
    )
      return old;
    const engine = this.#engine;
    engine.gate.check();
    this.#unbind();
    this.#memory ??= this.#place();
    const { placeOf: inArena } = this.#memory;
    const placeOf = (region: Region): Place =>
      region.slot === undefined ? inArena(region) : storages[region.slot]!;
    const constants: GpuBuffer[] = [];
    try {
      await engine.memory.settle();
      const commands = await bindSteps(engine.binder(constants), this.#steps, placeOf);
      await engine.memory.settle();
      if (this.#compileSeconds === 0) this.#compileSeconds = (performance.now() - this.#began) / 1000;
      this.#bound = { commands, placeOf, constants, storages };
      return this.#bound;
    } catch (error) {
      for (const buffer of constants) engine.memory.destroy(buffer);
      this.#release();
      throw error;
    }
  }

  #place(): PlanMemory {
    const { memory } = this.#engine;
    const regions = (values: readonly Value[]): Region[] => values.map(({ region }) => region);
    const feeds = regions(this.#graph.feeds.map((i) => this.#builder.value(i)));
    const outputs = regions([...this.#outputs, ...(this.#status ? [this.#status] : [])]);
    const { places, planned } = placeRegions(this.#builder, this.#steps, { feeds, outputs }, memory.shared);
    const { buffers, release } = memory.take(planned);
    const placeOf = (region: Region): Place => {
      const { buffer, offset } = places.get(region)!;
      return { buffer: buffers.get(buffer)!, offset };
    };
    return { placeOf, release };
  }

  #checkStatus(words: TypedArray): void {
    const onGpu = this.#checks.filter(({ feed }) => feed === undefined);
    onGpu.forEach(({ error }, n) => {
      const found = words[2 * n]!;
      if (found > 0) throw error(found - 1, words[2 * n + 1]!);
    });
  }

  #unbind(): void {
    for (const buffer of this.#bound?.constants ?? []) this.#engine.memory.destroy(buffer);
    this.#bound = undefined;
  }

  #release(): void {
    this.#memory?.release();
    this.#memory = undefined;
  }

  dispose(): void {
    this.#unbind();
    this.#release();
  }
}

/** Where a value lies. */
function at(value: Value, placeOf: (region: Region) => Place) {
  const { buffer, offset } = placeOf(value.region);
  return { buffer, offset: offset + value.start, dtype: value.dtype, count: value.count };
}

/** Adds a step that copies a value, unless the guard forbids it. */
function copy(b: WebGpuBuilder, i: number, from: Value, to: Value): Value {
  const { dtype, shape } = b.node(i);
  const count = sizeOf(shape);
  if (count === 0) return to;
  if (dtype === 'float32') {
    const join = { formula: f.input(0), scalar: [false], count };
    emitLinear(b, [i], [from], to, join);
    return to;
  }
  const words = (value: Value): Value => ({ ...value, dtype: 'int32', count: roomFor(dtype, count) / 4 });
  const guard = b.guardOf(to);
  emitScratch(b, i, words(to), [words(from), ...(guard ? [guard] : [])], {
    kernel: 'copy',
    value: 'return in0(i);',
    ...(guard ? { guard: 1 } : {}),
  });
  return to;
}

/** Adds a step that looks for a value outside of [0, size). */
function addCheck(b: WebGpuBuilder, { node, size }: IndexCheck, n: number, status: Value): void {
  const value = b.value(node);
  b.add([node], {
    program: {
      kernel: 'check',
      inputs: ['int32'],
      outputs: ['int32'],
      params: 0,
      code: `var<workgroup> shared_: array<u32, ${WORKGROUP}>;
${entry(`
  var first = ${value.count}u;
  for (var j = lane; j < ${value.count}u; j += ${WORKGROUP}u) {
    let v = in0(j);
    if (v < 0 || v >= ${size}) { first = min(first, j); }
  }
  let total = first;
  ${together('found', (a, b) => `min(${a}, ${b})`)}
  if (lane == 0u) {
    let bad = found < ${value.count}u;
    put0(${2 * n}u, select(0, i32(found) + 1, bad));
    put0(${2 * n + 1}u, select(0, in0(min(found, ${value.count - 1}u)), bad));
  }`)}`,
    },
    inputs: [value],
    outputs: [status],
    params: [],
    groups: 1,
  });
}

/** A number that is finite if updates may be written: the guard, or NaN if an index is bad. */
function verdictOf(b: WebGpuBuilder, i: number, checks: number, status: Value): Value {
  const verdict = b.scratch('float32', 1);
  const guard = b.graph.guard === undefined ? [] : [b.value(b.graph.guard)];
  emitScratch(b, i, verdict, [status, ...guard], {
    kernel: 'verdict',
    value: `for (var n = 0u; n < ${checks}u; n++) { if (in0(2u * n) != 0) { return notNumber(); } }
  return ${guard.length > 0 ? 'in1(0u)' : '0f'};`,
  });
  return verdict;
}
