import { UsageError } from '../errors/errors.js';
import type { Module } from '../nn/module.js';
import type { TrainConfig } from '../run/config.js';

/**
 * Whether a pattern names a module: its path (`features`, `classifier.6`), which means all below it too, or a
 * pattern in which `*` stands for anything (`features.*`, `*.shortcut`).
 */
function fits(pattern: string, path: string): boolean {
  const escaped = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}(\\..*)?$`).test(path);
}

/**
 * The modules that a pattern names, outermost first.
 * @param flag for the error
 * @throws UsageError with all paths, where it names none
 */
function modulesOf(model: Module, pattern: string, flag: string): [string, Module][] {
  const all = model.namedModules().filter(([path]) => path !== '');
  const found = all.filter(([path]) => fits(pattern, path));
  if (found.length > 0) return found;
  throw new UsageError({
    what: `${flag} ${pattern} names no module of this network`,
    expected: `a path or a pattern such as ${all[0]?.[0] ?? '*'} among ${all.map(([path]) => path).join(', ')}`,
    got: pattern,
    next: 'give one of those; inspect shows them with their shapes',
  });
}

/** Freezes what a configuration wants frozen. @returns what there is to say about it */
export function freezeModules(model: Module, { freeze = [] }: Pick<TrainConfig, 'freeze'>): string[] {
  if (freeze.length === 0) return [];
  const before = model.namedParameters();
  for (const pattern of freeze)
    for (const [, module] of modulesOf(model, pattern, '--freeze')) module.freeze();
  const after = model.namedParameters();
  const size = (list: typeof after) => list.reduce((sum, [, { size: n }]) => sum + n, 0);
  const [all, trained] = [size(before), size(after)];
  if (trained === 0)
    throw new UsageError({
      what: `--freeze ${freeze.join(' --freeze ')} leaves nothing to train`,
      expected: 'at least one parameter that is not frozen',
      got: `all ${all.toLocaleString('en-US')} frozen`,
      next: 'freeze less, such as features alone',
    });
  const number = (n: number) => n.toLocaleString('en-US');
  return [
    `Frozen: ${number(all - trained)} parameters in ${before.length - after.length} tensors; trained: ${number(trained)} in ${after.length}.`,
  ];
}

/** The factor of each parameter's learning rate; the last pattern that names it counts. */
export function lrScales(
  model: Module,
  { lrScale = [] }: Pick<TrainConfig, 'lrScale'>,
): Map<unknown, number> {
  const scales = new Map<unknown, number>();
  for (const { pattern, factor } of lrScale)
    for (const [, module] of modulesOf(model, pattern, '--lr-scale'))
      for (const parameter of module.parameters()) scales.set(parameter, factor);
  return scales;
}
