import type { Module } from '../../nn/module.js';
import type { Observer } from '../../run/events.js';
import { firstKernels, saveKernels } from '../../run/kernel-files.js';
import type { RunFolder } from '../../run/run-folder.js';
import type { GradientSquares, Probe } from './probe.js';

interface Parts {
  readonly model: Module;
  readonly folder: RunFolder;
  readonly probe: Probe;
  readonly observer: Observer;
}

/** Computes insights into the model after a completed step, writes them and notifies observers. */
export async function recordInsight(
  { model, folder, probe, observer }: Parts,
  step: number,
  squares: GradientSquares,
): Promise<void> {
  const insight = await probe.measure(step, squares);
  await folder.logInsight(insight);
  observer.insight?.(insight);
  const layer = firstKernels(model);
  if (!layer) return;
  const kernels = await folder.spare(() => saveKernels(folder.path, step, layer));
  if (kernels) observer.kernels?.(kernels);
}
