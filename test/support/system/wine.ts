import koffi from 'koffi';

/** Windows' functions are Wine's, of Linux: its ntdll says so. */
const WINE = ((): boolean => {
  if (process.platform !== 'win32') return false;
  try {
    koffi.load('ntdll.dll').func('const char *wine_get_version()');
    return true;
  } catch {
    return false;
  }
})();

/** The reason to skip a test of what Wine does otherwise than Windows; false elsewhere. */
export const onWine = (reason: string): string | false => WINE && `Wine: ${reason}`;
