import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RunReader, RunSender } from '../../../src/backend/worker/runs.js';
import { makeArray, type TypedArray } from '../../../src/graph/types.js';

const LARGE = 2 ** 14;
const floats = (...values: number[]) => Float32Array.from(values);

/** Sends runs as messages. Results are runs that the thread has received. */
function line() {
  const [sender, reader] = [new RunSender(), new RunReader()];
  const send = (plan: number, feeds: TypedArray[], storages: number[] = []) => {
    const { message, release } = sender.message({ kind: 'run', plan, feeds, storages });
    return { message, release, received: reader.run(structuredClone(message)) };
  };
  const forget = (plan: number): void => {
    sender.forget(plan);
    reader.forget(plan);
  };
  return { send, forget };
}

describe('messages of runs', () => {
  it('bring all values and storages', () => {
    const { send } = line();
    const feeds = [floats(1), Int32Array.of(2, 3), new Float64Array([4]), Uint8Array.of(5), floats()];
    for (let run = 0; run < 3; run++) {
      const { received, release } = send(7, feeds, [3, 4]);
      assert.deepEqual(received, { kind: 'run', plan: 7, feeds, storages: [3, 4] });
      release();
      feeds[0]![0]++;
    }
  });

  it('are short from the second run of a plan on', () => {
    const { send } = line();
    send(0, [floats(1), floats(2)], [3, 4]).release();
    const { message, received } = send(0, [floats(5), floats(6)], [3, 4]);
    assert.deepEqual(message, { kind: 'run', plan: 0, room: 0, others: [] });
    assert.deepEqual(received, { kind: 'run', plan: 0, feeds: [floats(5), floats(6)], storages: [3, 4] });
  });

  it('name other storages, also those of an array that the caller changed', () => {
    const { send } = line();
    const storages = [1, 2];
    send(0, [], storages);
    storages[1] = 3;
    assert.deepEqual(send(0, [], storages).received.storages, [1, 3]);
    assert.deepEqual(send(0, [], [1]).received.storages, [1]);
    assert.deepEqual(send(1, [], [8]).received.storages, [8]);
    assert.deepEqual(send(0, [], [1]).received.storages, [1]);
    assert.deepEqual(send(2, []).received.storages, []);
  });

  it('keep small and large values in order', () => {
    const { send } = line();
    for (let run = 1; run < 4; run++) {
      const feeds = [new Float32Array(LARGE).fill(run), floats(run), new Float64Array(LARGE).fill(-run)];
      const { message, received, release } = send(0, feeds);
      assert.deepEqual(received.feeds, feeds);
      assert.equal(message.others.length, 2);
      assert.ok(message.others.every(({ buffer }) => buffer instanceof SharedArrayBuffer));
      release();
    }
  });

  it('bring a part of a large array without the rest of it', () => {
    const { send } = line();
    const part = new Float32Array(2 ** 20).subarray(8, 12);
    // More runs than there are rooms for.
    for (const { message, received } of [1, 2, 3].map(() => send(0, [part]))) {
      assert.deepEqual(received.feeds, [part]);
      for (const { buffer } of message.others) assert.equal(buffer.byteLength, part.byteLength);
    }
  });

  it('do not overwrite values that the thread has not read', () => {
    const { send } = line();
    const runs = Array.from({ length: 6 }, (_, i) => send(0, [floats(i)], [i]));
    assert.deepEqual(
      runs.map(({ received }) => received.feeds[0]![0]),
      [0, 1, 2, 3, 4, 5],
    );
    for (const { release } of runs) release();
    const later = [send(0, [floats(7)]), send(0, [floats(8)])];
    assert.deepEqual(
      later.map(({ received }) => received.feeds[0]![0]),
      [7, 8],
    );
  });

  it('bring values of other types, lengths and numbers to the same plan', () => {
    const { send } = line();
    for (const feeds of [
      [floats(1, 2)],
      [Int32Array.of(1, 2)],
      [floats(1)],
      [floats(1), floats(2)],
      [makeArray('float32', LARGE).fill(3), floats(2)],
      [floats(2), makeArray('float32', LARGE).fill(3)],
      [],
      [floats(1, 2)],
    ]) {
      const { received, release } = send(0, feeds);
      assert.deepEqual(received.feeds, feeds);
      release();
    }
  });

  it('begin anew for a plan that was forgotten', () => {
    const { send, forget } = line();
    const first = send(0, [floats(1)], [1]);
    forget(0);
    assert.deepEqual(send(0, [floats(2)], [1]).received.storages, [1]);
    first.release();
    assert.deepEqual(send(0, [floats(3)], [1]).received.feeds, [floats(3)]);
  });
});
