import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Device } from '../../../src/backend/backend.js';
import { CheckpointError, PaperweightError, ShapeError } from '../../../src/errors/errors.js';
import { sameShape, type TypedArray } from '../../../src/graph/types.js';
import { importOnnx } from '../../../src/interop/onnx/index.js';
import { setDefaultDevice } from '../../../src/tensor/realize.js';
import { tensor } from '../../../src/tensor/tensor.js';

interface Numbers {
  readonly shape: number[];
  readonly kind: 'float' | 'whole';
  /** Base64 of float32 or int32. */
  readonly values: string;
}

/** One of ONNX's own tests, as onnx_backend.py writes it. */
export interface BackendCase {
  readonly name: string;
  readonly ops: string[];
  readonly rtol: number;
  readonly atol: number;
  /** Of the package `onnx`. */
  readonly version: string;
  /** One for each output and each set of data; without numbers where the test is of other things than tensors. */
  readonly models: readonly { readonly onnx: string; readonly input?: Numbers; readonly output?: Numbers }[];
}

/** `refused`: an error of ours, which names what is not there. `crash`: any other error. */
export type Verdict = 'pass' | 'refused' | 'wrong' | 'crash';

export interface Judged {
  readonly verdict: Verdict;
  readonly why: string;
}

const SCRIPT = fileURLToPath(new URL('../../../../test/fixtures/onnx_backend.py', import.meta.url));

/** Generates the tests of the package `onnx` that a Python has. */
export function backendCases(python: string): BackendCase[] {
  const folder = mkdtempSync(join(tmpdir(), 'onnx-backend-'));
  try {
    const file = join(folder, 'cases.jsonl');
    const { status, stderr } = spawnSync(python, [SCRIPT, file], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${SCRIPT} failed: ${stderr.slice(-2000)}`);
    return readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as BackendCase);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function valuesOf({ kind, values }: Numbers): TypedArray {
  const { buffer } = Uint8Array.from(Buffer.from(values, 'base64'));
  return kind === 'float' ? new Float32Array(buffer) : new Int32Array(buffer);
}

/** Imports a test's models and computes them; the worst of them counts. */
export async function judge(test: BackendCase, device: Device): Promise<Judged> {
  const found: Judged[] = [];
  for (const model of test.models) found.push(await judgeModel(test, model, device));
  for (const verdict of ['crash', 'wrong', 'refused'] as const) {
    const worst = found.find((each) => each.verdict === verdict);
    if (worst) return worst;
  }
  return { verdict: 'pass', why: '' };
}

async function judgeModel(
  { rtol, atol }: BackendCase,
  { onnx, input, output }: BackendCase['models'][number],
  device: Device,
): Promise<Judged> {
  try {
    setDefaultDevice(device);
    const model = importOnnx(Uint8Array.from(Buffer.from(onnx, 'base64')));
    if (!input || !output) return { verdict: 'wrong', why: 'read, although its values are no numbers' };
    await model.to(device);
    const y = model.forward(tensor(valuesOf(input) as Float32Array, { shape: input.shape }));
    const kind = y.dtype === 'int32' ? 'whole' : 'float';
    if (kind !== output.kind || !sameShape(y.shape, output.shape))
      return { verdict: 'wrong', why: `${kind} [${y.shape}] instead of ${output.kind} [${output.shape}]` };
    return compared(await y.data(), valuesOf(output), rtol, atol);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const ours = error instanceof CheckpointError || error instanceof ShapeError;
    return { verdict: ours && error instanceof PaperweightError ? 'refused' : 'crash', why };
  }
}

/** As numpy.testing.assert_allclose, with which ONNX's own runner compares. */
function compared(got: TypedArray, right: TypedArray, rtol: number, atol: number): Judged {
  for (const [i, value] of right.entries()) {
    const near = Math.abs(got[i]! - value) <= atol + rtol * Math.abs(value);
    if (!near && !Object.is(got[i]! + 0, value + 0))
      return { verdict: 'wrong', why: `${got[i]} instead of ${value} at ${i}` };
  }
  return { verdict: 'pass', why: '' };
}
