import { after, before, describe } from 'node:test';
import { bundleTests } from './bundle.js';
import { commandTests } from './command.js';
import { type Consumer, makeConsumer } from './consumer.js';
import { contentTests } from './contents.js';
import { exampleTests } from './examples.js';
import { typeTests } from './types.js';

describe('the package, made from a copy of the sources and installed into a project', () => {
  let made: Consumer;
  const consumer = () => made;
  before(async () => {
    made = await makeConsumer();
  });
  after(() => made?.remove());

  contentTests(consumer);
  typeTests(consumer);
  bundleTests(consumer);
  commandTests(consumer);
  exampleTests(consumer);
});
