import type { Graph } from '../../graph/graph.js';
import { type DType, makeArray, type TypedArray } from '../../graph/types.js';
import type { PlanStats, ProfileRow } from '../backend.js';
import { checkFeed, checkNumberOf, checkStorage } from '../check-values.js';
import { assemble } from '../plan/assemble.js';
import { isNumber } from '../plan/numbers/varying.js';
import type { Region } from '../plan/region.js';
import { poolFirst } from '../plan/rewrite.js';
import { scriptOf } from '../plan/scripted.js';
import type { GpuBuffer } from './api.js';
import { bindSteps } from './bind.js';
import { type HostWork, type Value, WebGpuBuilder } from './builder.js';
import { checkFeeds, type IndexCheck, indexChecks } from './checks.js';
import { type Command, encode, type Place } from './commands.js';
import { checkType, type WebGpuEngine } from './engine.js';
import { type FinalStep, joinSteps } from './join.js';
import { addCheck, copyTo, verdictOf } from './lower/commit.js';
import { lower } from './lower/index.js';
import { checkRanges, noRoom } from './memory/fit.js';
import { LARGE_BYTES, type PlannedBuffer, placeRegions, type SizeOf } from './memory/places.js';
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
        copy: (i, value) => copyTo(b, i, value, b.newValue(i)),
        stored: (i) => b.value(i),
        store: (i, value, slot) => {
          if (onGpu.length > 0) b.verdict ??= verdictOf(b, i, onGpu.length, this.#status!);
          copyTo(b, i, value, b.slots[slot]!);
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
    const { commands, placeOf, fed } = await this.#ready(feeds, storages);
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
          const [results] = await Promise.all([finish(), fed]);
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
    scriptOf(this.#graph, node, this.#builder.numbers)(arrays, result);
    await engine.gate.scoped('values', () => engine.upload(at(output, placeOf), result)).accepted;
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
  async #ready(
    feeds: readonly TypedArray[],
    storages: readonly number[],
  ): Promise<BoundCommands & { readonly fed: Promise<void> }> {
    const graph = this.#written;
    checkNumberOf('feeds', graph.feeds.length, feeds.length);
    checkNumberOf('storages', graph.storages.length, storages.length);
    graph.feeds.forEach((i, n) => {
      checkFeed(`Feed ${n}`, graph.nodes[i]!, feeds[n]!);
    });
    const places = storages.map((id, slot) => {
      const { spec, place } = this.#engine.stored(id);
      checkStorage(id, graph.nodes[graph.storages[slot]!]!, spec);
      return place;
    });
    checkFeeds(this.#checks, feeds);
    const bound = await this.#bind(places);
    const { accepted: fed } = this.#engine.gate.scoped('values', () => {
      this.#graph.feeds.forEach((i, n) => {
        const node = this.#graph.nodes[i]!;
        const values = isNumber(node) ? inType(node.dtype, feeds[n]!) : feeds[n]!;
        this.#engine.upload(at(this.#builder.value(i), bound.placeOf), values);
      });
    });
    // A driver may have no memory to pass many values: nothing may be computed from others.
    if (feeds.some(({ byteLength }) => byteLength > LARGE_BYTES)) await fed;
    return { ...bound, fed };
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
    this.#memory ??= await this.#place();
    const { placeOf: inArena } = this.#memory;
    const placeOf = (region: Region): Place =>
      region.slot === undefined ? inArena(region) : storages[region.slot]!;
    const constants: GpuBuffer[] = [];
    try {
      checkRanges(this.#builder, this.#steps);
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

  async #place(): Promise<PlanMemory> {
    const { memory } = this.#engine;
    const b = this.#builder;
    const regions = (values: readonly Value[]): Region[] => values.map(({ region }) => region);
    const feeds = regions(this.#graph.feeds.map((i) => b.value(i)));
    const outputs = regions([...this.#outputs, ...(this.#status ? [this.#status] : [])]);
    const layOut = (bytesOf?: SizeOf) =>
      placeRegions(b, this.#steps, { feeds, outputs }, memory.shared, bytesOf);
    const fresh = (bytesOf: SizeOf): PlannedBuffer[] =>
      layOut(bytesOf).planned.filter((one) => !memory.shared.includes(one));
    const { places, planned } = layOut();
    const { buffers, release } = await memory.take(planned, (shortage) =>
      noRoom(b, this.#steps, fresh, shortage),
    );
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

/** Numbers, which are passed as float64, in the type that kernels read. */
function inType(dtype: DType, numbers: TypedArray): TypedArray {
  const values = makeArray(dtype, numbers.length);
  values.set(numbers as never);
  return values;
}

/** Where a value lies. */
function at(value: Value, placeOf: (region: Region) => Place) {
  const { buffer, offset } = placeOf(value.region);
  return { buffer, offset: offset + value.start, dtype: value.dtype, count: value.count };
}
