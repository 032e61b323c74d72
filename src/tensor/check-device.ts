import type { Device } from '../backend/backend.js';
import { shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';

/** @throws UsageError unless the value is a Device; it may be a name or a promise instead */
export function checkDevice(device: unknown): asserts device is Device {
  const { run, write, read } = (device ?? {}) as Partial<Record<keyof Device, unknown>>;
  if ([run, write, read].every((part) => typeof part === 'function')) return;
  const pair = typeof (device as { device?: unknown } | null | undefined)?.device === 'object';
  throw new UsageError({
    what: 'There is no such device',
    expected: 'a Device, such as await device.best()',
    got: shown(device),
    next:
      device instanceof Promise
        ? 'await it: device.best() returns a promise'
        : pair
          ? 'pass its device: const { device } = await device.open()'
          : 'use await device.best() in Node, and wasmDevice() in a browser',
  });
}
