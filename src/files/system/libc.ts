import koffi from 'koffi';

const NAMES: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  // The path that every program links; the short name is found only where the developer tools are installed.
  darwin: ['/usr/lib/libSystem.B.dylib', 'libSystem.dylib'],
  win32: ['msvcrt.dll'],
  // glibc's, then musl's.
  linux: ['libc.so.6', 'libc.musl-x86_64.so.1', 'libc.musl-aarch64.so.1'],
};

/** Opens the C library of this system. */
export function openLibc(): ReturnType<typeof koffi.load> {
  const names = NAMES[process.platform] ?? ['libc.so'];
  let reason: unknown;
  for (const name of names)
    try {
      return koffi.load(name);
    } catch (error) {
      reason ??= error;
    }
  throw reason;
}
