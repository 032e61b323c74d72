import { readFile } from 'node:fs/promises';
import { z } from 'zod';

const PEERS = ['tfjs-webgpu', 'jax-js-webgpu', 'onnxruntime-web', 'pytorch'] as const;

/** A network that is measured on the GPU, and the peers with the modes in which they are measured. */
const caseSchema = z.object({
  name: z.string(),
  what: z.enum(['train', 'infer']),
  network: z.object({ paper: z.string(), preset: z.string(), norm: z.enum(['lrn', 'none']) }),
  batch: z.number().int().positive(),
  /** Number type of large layers; default float32. */
  precision: z.enum(['float32', 'float16']).optional(),
  peers: z.array(z.tuple([z.enum(PEERS), z.string()])),
});
export type Case = z.infer<typeof caseSchema>;

/** `real`: for a GPU, the most important first; `software`: for a software adapter. */
const casesSchema = z.object({ real: z.array(caseSchema), software: z.array(caseSchema) });

/** Papers are named in this file, beside the peers' programs, since the code knows none by name. */
const FILE = new URL('../../../../bench/peers/gpu.json', import.meta.url);

export const readCases = async (): Promise<z.infer<typeof casesSchema>> =>
  casesSchema.parse(JSON.parse(await readFile(FILE, 'utf8')));

/** Sides of the matrix products whose rates are measured. */
export const SIDES = { real: [512, 1024, 2048, 4096], software: [128, 256] } as const;
