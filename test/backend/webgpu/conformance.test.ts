import test from 'node:test';
import { conformance } from '../../support/conformance.js';
import { openWebGpu, withoutGpu } from './open.js';

const missing = await withoutGpu();
if (missing) test('the conformance of webgpu', { skip: missing }, () => {});
else conformance('webgpu', () => openWebGpu(), { rtol: 2e-5, atol: 2e-5 });
