import { DeviceError } from '../../errors/errors.js';
import type { GpuDevice } from './api.js';

/** Turns failures of a WebGPU device into errors of the call that met them. */
export class Gate {
  readonly #device: GpuDevice;
  #lost: { readonly reason: string; readonly message: string } | undefined;

  constructor(device: GpuDevice) {
    this.#device = device;
    device.lost.then((lost) => {
      this.#lost = lost;
    });
  }

  /** @throws DeviceError if the GPU is lost */
  check(): void {
    if (this.#lost) throw this.lostError();
  }

  lostError(cause?: unknown): DeviceError {
    const { reason = 'unknown', message = '' } = this.#lost ?? {};
    return new DeviceError({
      what: 'The GPU was lost, and the values on it with it',
      expected: 'a GPU that answers',
      got: [
        reason === 'destroyed' ? 'a device that was destroyed' : 'a device that the system took away',
        message,
      ]
        .filter(Boolean)
        .join(': '),
      next: 'open the device again and continue from the latest checkpoint (train --resume)',
      cause,
    });
  }

  /**
   * Runs a function that sends commands. The promise rejects if the GPU refuses them.
   * @param what names the work in the error
   */
  scoped<T>(what: string, body: () => T): { readonly result: T; readonly accepted: Promise<void> } {
    this.check();
    this.#device.pushErrorScope('out-of-memory');
    this.#device.pushErrorScope('validation');
    let result: T;
    let answers: Promise<{ readonly message: string } | null>[] = [];
    try {
      result = body();
    } finally {
      answers = [this.#device.popErrorScope(), this.#device.popErrorScope()];
      for (const one of answers) one.catch(() => {});
    }
    const accepted = this.#accepted(what, answers);
    // Some callers learn of a refusal from work that depends on this.
    accepted.catch(() => {});
    return { result, accepted };
  }

  async #accepted(
    what: string,
    answers: readonly Promise<{ readonly message: string } | null>[],
  ): Promise<void> {
    let refused: { readonly message: string } | null | undefined;
    try {
      refused = (await Promise.all(answers)).find((one) => one !== null);
    } catch (error) {
      throw this.lostError(error);
    }
    this.check();
    if (!refused) return;
    throw new DeviceError({
      what: `The GPU refused ${what}, and nothing was changed`,
      got: refused.message,
      next: 'use a smaller batch; if that does not help, use --device onednn or wasm, and report this message',
    });
  }

  /** Awaits the GPU. @throws DeviceError if it is lost meanwhile */
  async waited<T>(promise: Promise<T>): Promise<T> {
    try {
      return await promise;
    } catch (error) {
      if (error instanceof DeviceError) throw error;
      // The loss is reported after the failures that it causes.
      await new Promise((done) => setTimeout(done, 0));
      throw this.lostError(error);
    }
  }
}
