import { DeviceError } from '../../errors/errors.js';
import type { TypedArray } from '../../graph/types.js';
import type { GpuBuffer, GpuDevice } from './api.js';
import type { Operand } from './bindings.js';
import { roomFor, type Variant } from './builder.js';
import { type Binder, type Choice, commandsOf, encode } from './commands.js';
import type { Gate } from './gate.js';
import type { Memory } from './memory/memory.js';

/** Where choices of kernels are kept between runs of a program. */
export interface ChoiceStore {
  get(key: string): string | undefined;
  set(key: string, name: string): void;
  save(): void;
}

/** What trials need of an engine. */
export interface TrialEngine {
  readonly device: GpuDevice;
  readonly gate: Gate;
  readonly memory: Memory;
  /** @param buffers receives the buffers of constants */
  binder(buffers: GpuBuffer[]): Binder;
  download(values: readonly Operand[]): Promise<TypedArray[]>;
}

/** Less work is not worth a trial, in multiply-adds. */
const WORTH_TRYING = 5e6;
/** Values of a trial take at most this many bytes. */
const MOST_BYTES = 2 ** 30;
const RUNS = 3;
/** Largest difference from the direct kernel, in parts of the largest result. */
const TOLERANCE = 1e-3;
/** Numbers that values of a trial repeat. The count is odd, so that the rows of matrices differ. */
const NUMBERS = 2 ** 16 - 1;

interface Trial {
  readonly variant: Variant;
  readonly run: () => Promise<void>;
  /** In milliseconds. */
  best: number;
}

/**
 * Chooses among kernels that compute the same, by running all of them on random numbers. A kernel whose results differ
 * from those of the first one, or that does not compile, is not used.
 */
export class Trials {
  readonly #engine: TrialEngine;
  readonly #store: ChoiceStore | undefined;
  readonly #chosen = new Map<string, string>();

  constructor(engine: TrialEngine, store: ChoiceStore | undefined) {
    this.#engine = engine;
    this.#store = store;
  }

  async choose({ variants, work }: Choice): Promise<Variant> {
    const { inputs, outputs, params, layers = 1, macs } = work;
    const bytes = [...inputs, ...outputs].reduce(
      (sum, { dtype, count, half }) => sum + roomFor(dtype, count, half),
      0,
    );
    if (macs < WORTH_TRYING || bytes > MOST_BYTES) return variants[0];
    const [{ program }] = variants;
    const [kind] = program.kernel.split(',');
    const key = `webgpu ${kind} ${params.join()} ×${layers} ${inputs.length}:${outputs.length}`;
    const known = this.#chosen.get(key) ?? this.#store?.get(key);
    let chosen = variants.find((variant) => variant.program.kernel === known);
    if (!chosen) {
      chosen = await this.#fastest({ variants, work });
      this.#store?.set(key, chosen.program.kernel);
      this.#store?.save();
    }
    this.#chosen.set(key, chosen.program.kernel);
    return chosen;
  }

  async #fastest({ variants, work }: Choice): Promise<Variant> {
    const buffers: GpuBuffer[] = [];
    const { memory } = this.#engine;
    try {
      const inputs = work.inputs.map((operand) => this.#filled(operand, randomNumbers(), buffers));
      const outputs = work.outputs.map((operand) => this.#filled(operand, undefined, buffers));
      await memory.settle();
      const binder = this.#engine.binder(buffers);
      const trials: Trial[] = [];
      let expected: Float32Array[] | undefined;
      for (const variant of variants) {
        const run = await this.#prepared(binder, { ...work, ...variant, inputs, outputs });
        if (!run && !expected) return variants[0];
        if (!run) continue;
        // An element that a kernel leaves out shows.
        for (const { buffer } of outputs) this.#fill(buffer, new Float32Array(NUMBERS).fill(Number.NaN));
        await run();
        const results = (await this.#engine.download(outputs)) as Float32Array[];
        expected ??= results;
        if (agree(results, expected)) trials.push({ variant, run, best: Number.POSITIVE_INFINITY });
      }
      // In turn, so that a busy moment slows all of them.
      for (let n = 0; n < RUNS; n++)
        for (const trial of trials) {
          const began = performance.now();
          await trial.run();
          trial.best = Math.min(trial.best, performance.now() - began);
        }
      return trials.reduce((a, b) => (b.best < a.best ? b : a)).variant;
    } catch (error) {
      // Without memory for a trial, or with a driver that refuses it, the first kernel is used.
      if (!(error instanceof DeviceError)) throw error;
      this.#engine.gate.check();
      return variants[0];
    } finally {
      for (const buffer of buffers) memory.destroy(buffer);
    }
  }

  /** A function that runs a kernel and waits for it; undefined if it does not compile, which may depend on the driver. */
  async #prepared(
    binder: Binder,
    work: Parameters<typeof commandsOf>[1],
  ): Promise<(() => Promise<void>) | undefined> {
    const { device, gate } = this.#engine;
    const commands = await commandsOf(binder, work).catch((error: unknown) => {
      if (!(error instanceof DeviceError)) throw error;
      gate.check();
    });
    if (!commands) return undefined;
    return async () => {
      const { accepted } = gate.scoped('a trial of kernels', () => {
        const encoder = device.createCommandEncoder();
        encode(encoder, commands);
        device.queue.submit([encoder.finish()]);
      });
      await gate.waited(device.queue.onSubmittedWorkDone());
      await accepted;
    };
  }

  /** A value like another one, in a buffer of its own. */
  #filled(like: Operand, numbers: Float32Array<ArrayBuffer> | undefined, buffers: GpuBuffer[]): Operand {
    const { dtype, count, half } = like;
    const buffer = this.#engine.memory.buffer(roomFor(dtype, count, half), 'a trial of kernels');
    buffers.push(buffer);
    // A new buffer has zeros, which are the exponents of numbers in float16.
    if (numbers && dtype === 'float32') this.#fill(buffer, half ? halves(numbers) : numbers);
    return { ...like, buffer, offset: 0 };
  }

  #fill(buffer: GpuBuffer, numbers: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): void {
    for (let at = 0; at < buffer.size; at += numbers.byteLength) {
      const bytes = Math.min(numbers.byteLength, buffer.size - at);
      this.#engine.device.queue.writeBuffer(buffer, at, numbers.buffer, 0, bytes);
    }
  }
}

/** Numbers from −1 to 1, the same ones each time. */
function randomNumbers(): Float32Array<ArrayBuffer> {
  let state = 1;
  return Float32Array.from({ length: NUMBERS }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  });
}

/** As many words of two float16 numbers, of sizes 1/16 to 1, that differ as the given numbers do. */
const halves = (numbers: Float32Array): Uint32Array<ArrayBuffer> => {
  const bits = new Uint16Array(2 * numbers.length);
  for (let i = 0; i < bits.length; i++) {
    const random = Math.round(32767 * numbers[i % numbers.length]!) + (i >= numbers.length ? 77 : 0);
    bits[i] = (random < 0 ? 0x8000 : 0) | (0x2c00 + (Math.abs(random) & 0x0fff));
  }
  return new Uint32Array(bits.buffer);
};

function agree(results: readonly Float32Array[], expected: readonly Float32Array[]): boolean {
  return results.every((values, k) => {
    const wanted = expected[k]!;
    let largest = 0;
    for (const value of wanted) largest = Math.max(largest, Math.abs(value));
    const most = TOLERANCE * largest;
    // NaN does not agree.
    return values.every((value, i) => Math.abs(value - wanted[i]!) <= most);
  });
}
