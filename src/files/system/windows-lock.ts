import { toNamespacedPath } from 'node:path';
import koffi from 'koffi';

const GENERIC_READ_WRITE = 0xc0000000;
const SHARE_ALL = 7;
const OPEN_EXISTING = 3;
const FAIL_AT_ONCE_EXCLUSIVE = 3;
const ERROR_LOCK_VIOLATION = 33;
const ERROR_IO_PENDING = 997;
/** The locked byte lies far behind the contents, since Windows refuses reads of locked bytes. */
const OFFSET_HIGH = 0x40000000;

/** A lock that ends with this process. */
export interface SystemLock {
  close(): void;
}

/** Takes Windows' lock of an existing file: the counterpart of flock, which also works on shared folders. */
export function lockOnWindows(file: string): SystemLock | 'held' | 'impossible' {
  const kernel = koffi.load('kernel32.dll');
  const open = kernel.func(
    'intptr_t CreateFileW(const char16_t *, uint32_t, uint32_t, void *, uint32_t, uint32_t, intptr_t)',
  );
  const lock = kernel.func('int LockFileEx(intptr_t, uint32_t, uint32_t, uint32_t, uint32_t, uint8_t *)');
  const lastError = kernel.func('uint32_t GetLastError()');
  const close = kernel.func('int CloseHandle(intptr_t)');
  // As Node does: without the prefix a path is limited to 260 characters.
  const handle = open(toNamespacedPath(file), GENERIC_READ_WRITE, SHARE_ALL, null, OPEN_EXISTING, 0, 0);
  if (Number(handle) <= 0) return 'impossible';
  // OVERLAPPED: two words of status, then the offset.
  const overlapped = new Uint8Array(32);
  new DataView(overlapped.buffer).setUint32(20, OFFSET_HIGH, true);
  if (lock(handle, FAIL_AT_ONCE_EXCLUSIVE, 0, 1, 0, overlapped) !== 0)
    return { close: () => void close(handle) };
  const error = lastError();
  close(handle);
  return error === ERROR_LOCK_VIOLATION || error === ERROR_IO_PENDING ? 'held' : 'impossible';
}
