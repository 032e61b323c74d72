import { wasmDevice } from '../../../src/backend/wasm/index.js';
import { conformance } from '../../support/conformance.js';

const alone = async () => wasmDevice();
conformance('wasm on one thread, in memory of its own', alone, { rtol: 2e-5, atol: 2e-5 });
conformance('wasm', alone, { dtype: 'float64', rtol: 2e-8, atol: 2e-9 });
