import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { lineOf, MACHINE_FILE, MachineLog, parseGpu, parseNetBytes } from '../../src/run/machine-log.js';
import { scratch } from '../support/toy.js';

test('rates are means between two measurements; figures that the system does not report are missing', () => {
  const before = { time: 0, busy: 100, all: 1000, own: 0, read: 0, written: 2 ** 20, received: 5, sent: 5 };
  const now = {
    time: 2000,
    busy: 600,
    all: 2000,
    own: 3000,
    read: 4 * 2 ** 20,
    written: 2 ** 20,
    received: 0,
  };
  const { cpu, processCpu, diskRead, diskWrite, netIn, netOut, memory } = lineOf(before, now, {
    gpu: 7,
    gpuMiB: 8,
  });
  assert.deepEqual([cpu, processCpu, diskRead, diskWrite, netIn, netOut], [50, 1.5, 2, 0, 0, undefined]);
  assert.ok(memory >= 0 && memory <= 100);
});

test('what the system prints', () => {
  const net = `Inter-|   Receive |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets
    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0
  eth0: 100 1 0 0 0 0 0 0 30 1 0 0 0 0 0 0
 wlan0:1000 1 0 0 0 0 0 0 300 1 0 0 0 0 0 0
`;
  assert.deepEqual(parseNetBytes(net), { received: 1100, sent: 330 });
  assert.deepEqual(parseGpu('12, 100\n90, 2000\n'), { gpu: 90, gpuMiB: 2000 });
  for (const text of ['', 'No devices were found', '[N/A], [N/A]']) assert.deepEqual(parseGpu(text), {});
});

test('lines are written until the end, and a missing folder is not an error', async (t) => {
  const folder = await scratch(t);
  const log = MachineLog.start(folder);
  const nowhere = MachineLog.start(join(folder, 'none'));
  let text = '';
  for (let i = 0; i < 400 && text === ''; i++) {
    await sleep(50);
    text = await readFile(join(folder, MACHINE_FILE), 'utf8').catch(() => '');
  }
  log.stop();
  nowhere.stop();
  const line = JSON.parse(text.split('\n')[0]!) as Record<string, number>;
  assert.ok(line.time! > 1.6e12 && line.rssMiB! > 1 && line.cpu! >= 0 && line.cpu! <= 100);
});
