import { after, before } from 'node:test';
import { InlineDevice } from '../../../src/backend/device.js';
import { OneDnnEngine } from '../../../src/backend/onednn/index.js';
import { ReferenceEngine } from '../../../src/backend/reference/engine.js';

/** The onednn engine on two threads and the reference engine, open while the tests of a suite run. */
export function twoEngines(): { readonly device: InlineDevice; readonly reference: InlineDevice } {
  let engines: { device: InlineDevice; reference: InlineDevice } | undefined;
  before(() => {
    engines = {
      device: new InlineDevice(new OneDnnEngine({ threads: 2 })),
      reference: new InlineDevice(new ReferenceEngine()),
    };
  });
  after(async () => {
    await engines?.device.close();
    await engines?.reference.close();
  });
  return {
    get device() {
      return engines!.device;
    },
    get reference() {
      return engines!.reference;
    },
  };
}
