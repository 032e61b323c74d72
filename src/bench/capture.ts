import type { Device, EngineInfo, Kernels, PlanStats, ProfileRow } from '../backend/backend.js';
import type { Spec, TypedArray } from '../graph/types.js';

type Run = Parameters<Device['run']>;

/** A device that stores its last run, so that the same run can be profiled. */
export class CapturingDevice implements Device {
  #last: Run | undefined;

  constructor(readonly inner: Device) {}

  get name(): string {
    return this.inner.name;
  }

  run(...run: Run): Promise<TypedArray[]> {
    this.#last = run;
    return this.inner.run(...run);
  }

  /** Repeats the last run and times each plan step. Weights are updated again. */
  profileLast(): Promise<ProfileRow[]> {
    if (!this.#last) throw new Error('nothing has run yet');
    return this.inner.profile(...this.#last);
  }

  write(id: number, spec: Spec, data: TypedArray): void {
    this.inner.write(id, spec, data);
  }
  read(id: number): Promise<TypedArray> {
    return this.inner.read(id);
  }
  readInto(id: number, start: number, into: TypedArray): Promise<void> {
    return this.inner.readInto(id, start, into);
  }
  free(id: number): void {
    this.inner.free(id);
  }
  info(): Promise<EngineInfo> {
    return this.inner.info();
  }
  stats(): Promise<PlanStats[]> {
    return this.inner.stats();
  }
  profile(...run: Run): Promise<ProfileRow[]> {
    return this.inner.profile(...run);
  }
  kernels(keep?: Kernels): Promise<Kernels> {
    return this.inner.kernels(keep);
  }
  sgemmRate(n: number, repeats: number): Promise<number | undefined> {
    return this.inner.sgemmRate(n, repeats);
  }
  close(): Promise<void> {
    return this.inner.close();
  }
}
