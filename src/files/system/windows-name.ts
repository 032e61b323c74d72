/** Names of devices, which Windows reserves in every folder, with any extension. */
const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[1-9\u00b9\u00b2\u00b3]) *(\.|$)/i;
/** What precedes the names of a path: a drive, or `\\?\` and `\\.\`, after which Windows takes names as they are. */
const DRIVE = /^[a-z]:/i;
const AS_GIVEN = /^\\\\[?.]\\/;

/** For error messages about such a name. */
export const WINDOWS_NAME =
  'a name without < > : " | ? *, without a dot or a space at its end, and not that of a device, such as con, nul or aux';

/**
 * Whether a name in a path is one that Windows' programs cannot use. Node creates some of them nevertheless, and a folder
 * called `nul` or `a.` can then be neither opened nor deleted in the Explorer, and `run:1` is hidden in the file `run`.
 */
export const isWindowsName = (path: string): boolean =>
  AS_GIVEN.test(path) ||
  path
    .replace(DRIVE, '')
    .split(/[\\/]/)
    .every((name) => name === '.' || name === '..' || !(/[<>:"|?*]|[. ]$/.test(name) || DEVICE.test(name)));
