import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';

/** Creates a temporary folder that is deleted after the test. */
export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'paperweight-test-'));
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));
  return folder;
}

/** Starts a local server that is closed after the test. @returns its address */
export async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export interface TarEntry {
  name: string;
  data?: Uint8Array;
  type?: string;
  /** Size in the header; default: the length of the data. */
  size?: number;
  magic?: string;
  prefix?: string;
}

function header({
  name,
  data,
  type = '0',
  size = data?.length ?? 0,
  magic = 'ustar\x0000',
  prefix = '',
}: TarEntry): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0, 100);
  block.write('0000644\0', 100);
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  block.write('        ', 148);
  block.write(type, 156);
  block.write(magic, 257, 'latin1');
  block.write(prefix, 345);
  const sum = block.reduce((a, b) => a + b, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** An uncompressed tar archive. */
export function tar(entries: TarEntry[], end = 1024): Buffer {
  const blocks: Buffer[] = [];
  for (const entry of entries) {
    const data = entry.data ?? new Uint8Array(0);
    blocks.push(header(entry), Buffer.from(data), Buffer.alloc((512 - (data.length % 512)) % 512));
  }
  return Buffer.concat([...blocks, Buffer.alloc(end)]);
}

export function tarGz(entries: TarEntry[], end?: number): Buffer {
  return gzipSync(tar(entries, end));
}

/** CIFAR-10 records: image i has label i % 10 and bytes that differ between images and channels. */
export function cifarRecords(count: number, first = 0): Buffer {
  const bytes = Buffer.alloc(count * 3073);
  for (let i = 0; i < count; i++) {
    const record = bytes.subarray(i * 3073, (i + 1) * 3073);
    record[0] = (first + i) % 10;
    for (let c = 0; c < 3; c++) record.fill((first + i + 80 * c) % 256, 1 + c * 1024, 1 + (c + 1) * 1024);
  }
  return bytes;
}
