import { RunFolder, type RunState } from './run-folder.js';

/**
 * The folder of a run for a rank that does not own it: rank 0 reads and writes, and tells the others what they need.
 * Nothing is read or written here.
 */
export class NullRunFolder extends RunFolder {
  static at(path: string): NullRunFolder {
    return new NullRunFolder(path);
  }

  override async state(): Promise<RunState> {
    return { version: 1 };
  }
  override async writeConfig(): Promise<void> {}
  override async writeState(): Promise<void> {}
  override async log(): Promise<void> {}
  override async logInsight(): Promise<void> {}
  override say(): void {}
  override async metrics(): Promise<Record<string, unknown>[]> {
    return [];
  }
  override async spare(): Promise<undefined> {
    return undefined;
  }
  override syncLogs(): void {}
  override async lock(): Promise<void> {}
  override get isLocked(): boolean {
    return true;
  }
  override async unlock(): Promise<void> {}
}
