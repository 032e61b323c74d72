import type { MessagePort } from 'node:worker_threads';
import type { Shared } from '../communication/protocol.js';

/** What connects the thread of a device with the communication thread of its rank. */
export interface Link {
  readonly shared: Shared;
  readonly port: MessagePort;
}

/** Makes the link, and takes it back. */
export interface Links {
  make(): Link;
  end(): void;
}

let links: Links | undefined;
let taken = false;

/** Devices that are opened from now on may be linked; the world of ranks sets it. */
export function offerLinks(offered: Links | undefined): void {
  links = offered;
  taken = false;
}

/** Whether this process is one of several ranks. */
export const hasLinks = (): boolean => links !== undefined;

/** The link for a new device; undefined for a process on its own, and while another device has it. */
export function takeLink(): Link | undefined {
  if (!links || taken) return undefined;
  taken = true;
  return links.make();
}

export function giveLinkBack(): void {
  taken = false;
  links?.end();
}
