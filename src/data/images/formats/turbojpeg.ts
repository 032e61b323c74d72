import type koffi from 'koffi';
import { installCommand } from '../../../errors/install-command.js';
import { loadLibrary } from '../../../files/system/load-library.js';
import type { Size } from '../shrink/shrink.js';

/**
 * Decodes a JPEG of size `of` by libjpeg-turbo into `into`, as pixels 0xXXBBGGRR with the highest byte unused. `to` is
 * its size, or a half, quarter or eighth of it.
 *
 * @returns false if the JPEG has another size or libjpeg-turbo reports an error or a warning
 */
export type DecodeJpeg = (bytes: Uint8Array, of: Size, to: Size, into: Int32Array) => boolean;

/** Files of the TurboJPEG API, versions 2 and 3; both have the functions below. */
const CANDIDATES: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  linux: ['libturbojpeg.so.0', 'libturbojpeg.so'],
  darwin: ['/opt/homebrew/lib/libturbojpeg.dylib', '/usr/local/lib/libturbojpeg.dylib'],
  win32: ['turbojpeg.dll'],
};

/** TJPF_RGBX. */
const RGBX = 2;
/** TJFLAG_LIMITSCANS: rejects progressive files with an excessive number of scans. */
const LIMIT_SCANS = 32768;

let opened: { readonly decode: DecodeJpeg | undefined } | undefined;

/**
 * Opens the system's libjpeg-turbo, which decodes twice as fast as sharp; undefined if it is not installed. The
 * environment variable PAPERWEIGHT_TURBOJPEG overrides its path.
 */
export function openTurboJpeg(): DecodeJpeg | undefined {
  opened ??= { decode: bind() };
  return opened.decode;
}

/** Advice to install libjpeg-turbo; undefined if it is installed. */
export function turboJpegAdvice(): string | undefined {
  if (openTurboJpeg()) return undefined;
  return `JPEGs are decoded by sharp because libjpeg-turbo is not installed; it needs less than half the time. ${installLine()}`;
}

function installLine(): string {
  const command = installCommand({ homebrew: 'jpeg-turbo', debian: ['libturbojpeg0'] });
  if (command) return `Install it with: ${command}`;
  return 'Install libjpeg-turbo’s TurboJPEG library, or name its file in PAPERWEIGHT_TURBOJPEG.';
}

function bind(): DecodeJpeg | undefined {
  const lib = load();
  if (!lib) return undefined;
  const handle = lib.func('void *tjInitDecompress()')();
  const header = lib.func(
    'int tjDecompressHeader3(void *, const uint8_t *, ulong, _Out_ int *, _Out_ int *, _Out_ int *, _Out_ int *)',
  );
  const decompress = lib.func(
    'int tjDecompress2(void *, const uint8_t *, ulong, uint8_t *, int, int, int, int, int)',
  );
  if (handle === null) return undefined;
  return (bytes, of, { width, height }, into) => {
    const [w, h] = [[0], [0]] as [number[], number[]];
    const known = header(handle, bytes, bytes.length, w, h, [0], [0]) === 0;
    // tjDecompress2 writes the size of the file's own header, so it must equal the expected one.
    if (!known || w[0] !== of.width || h[0] !== of.height || into.length < width * height) return false;
    const to = new Uint8Array(into.buffer, into.byteOffset, 4 * width * height);
    return decompress(handle, bytes, bytes.length, to, width, 4 * width, height, RGBX, LIMIT_SCANS) === 0;
  };
}

function load(): ReturnType<typeof koffi.load> | undefined {
  const named = process.env.PAPERWEIGHT_TURBOJPEG;
  for (const file of named ? [named] : (CANDIDATES[process.platform] ?? []))
    try {
      return loadLibrary(file);
    } catch {
      // Try the next name; if none loads, sharp decodes.
    }
  return undefined;
}
