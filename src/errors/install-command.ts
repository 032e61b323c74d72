import { existsSync } from 'node:fs';

/** Package names of a library. On Debian several names are tried in order. */
export interface PackageNames {
  readonly homebrew: string;
  readonly debian: readonly string[];
  readonly fedora?: string;
  readonly arch?: string;
  readonly alpine?: string;
  /** The whole command for Windows. */
  readonly windows?: string;
}

/** The command that installs a library on this system; undefined if the system is not known. */
export function installCommand(names: PackageNames): string | undefined {
  if (process.platform === 'darwin') return `brew install ${names.homebrew}`;
  if (process.platform === 'win32') return names.windows;
  if (process.platform !== 'linux') return undefined;
  const sudo = process.getuid?.() === 0 ? '' : 'sudo ';
  if (existsSync('/etc/debian_version'))
    return names.debian.map((name) => `${sudo}apt-get install -y ${name}`).join(' || ');
  if (names.fedora && existsSync('/etc/fedora-release')) return `${sudo}dnf install -y ${names.fedora}`;
  if (names.arch && existsSync('/etc/arch-release')) return `${sudo}pacman -S ${names.arch}`;
  if (names.alpine && existsSync('/etc/alpine-release')) return `${sudo}apk add ${names.alpine}`;
  return undefined;
}
