import koffi from 'koffi';
import { installCommand } from '../../../errors/install-command.js';
import type { Size } from '../shrink/shrink.js';

/**
 * libjpeg-turbo: fills `into` with the pixels of a JPEG of one size, decoded to it or to a half, quarter or eighth of
 * it: red, green, blue and a byte that does not matter, from the lowest byte up. False for a JPEG that has another
 * size, and for one that it does not read without a complaint.
 */
export type DecodeJpeg = (bytes: Uint8Array, of: Size, to: Size, into: Int32Array) => boolean;

/** Its TurboJPEG interface, version 2 or 3, both of which have the calls below. */
const CANDIDATES: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  linux: ['libturbojpeg.so.0', 'libturbojpeg.so'],
  darwin: ['/opt/homebrew/lib/libturbojpeg.dylib', '/usr/local/lib/libturbojpeg.dylib'],
  win32: ['turbojpeg.dll'],
};

/** TJPF_RGBX. */
const RGBX = 2;
/** TJFLAG_LIMITSCANS: a progressive file of endless scans is refused. */
const LIMIT_SCANS = 32768;

let opened: { readonly decode: DecodeJpeg | undefined } | undefined;

/**
 * The system's libjpeg-turbo, which decodes a JPEG in half of sharp's time; undefined where there is none. The
 * environment variable PAPERWEIGHT_TURBOJPEG names another file of it.
 */
export function openTurboJpeg(): DecodeJpeg | undefined {
  opened ??= { decode: bind() };
  return opened.decode;
}

/** What to tell people whose JPEGs are decoded more slowly than they could be. */
export function turboJpegAdvice(): string | undefined {
  if (openTurboJpeg()) return undefined;
  return `JPEGs are decoded by sharp, since libjpeg-turbo is not installed; with it they take less than half as long. ${installLine()}`;
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
    // It writes as many pixels as it finds itself.
    if (!known || w[0] !== of.width || h[0] !== of.height || into.length < width * height) return false;
    const to = new Uint8Array(into.buffer, into.byteOffset, 4 * width * height);
    return decompress(handle, bytes, bytes.length, to, width, 4 * width, height, RGBX, LIMIT_SCANS) === 0;
  };
}

function load(): ReturnType<typeof koffi.load> | undefined {
  const named = process.env.PAPERWEIGHT_TURBOJPEG;
  for (const file of named ? [named] : (CANDIDATES[process.platform] ?? []))
    try {
      return koffi.load(file);
    } catch {
      // The next name; without any, sharp decodes.
    }
  return undefined;
}
