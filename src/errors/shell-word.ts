/** Characters that no shell interprets; a comma makes a list in PowerShell, and a backslash is plain on Windows only. */
const PLAIN = { posix: /^[\p{L}\p{N}_@%+=:,./-]+$/u, windows: /^[\p{L}\p{N}_+=:./\\~-]+$/u };

/**
 * A word of a command that a user may copy, as the shell reads it back: a POSIX shell; on Windows cmd.exe and PowerShell,
 * which agree on double quotes alone.
 *
 * @param platform replaces the system's name in tests
 */
export function shellWord(text: string, platform: NodeJS.Platform = process.platform): string {
  if (platform !== 'win32') return PLAIN.posix.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
  if (PLAIN.windows.test(text)) return text;
  // Backslashes before a quote are escapes; elsewhere they are not.
  return `"${text.replaceAll(/(\\*)"/g, '$1$1\\"').replace(/\\+$/, '$&$&')}"`;
}
