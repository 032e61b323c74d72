import { counted, grouped } from '../errors/counted.js';
import { UsageError } from '../errors/errors.js';
import type { Module } from '../nn/module.js';
import type { TrainConfig } from '../run/config.js';

/**
 * Whether a pattern matches a module: by its path (`features`, `classifier.6`), which includes all submodules, or with
 * `*` as a wildcard (`features.*`, `*.shortcut`).
 */
function fits(pattern: string, path: string): boolean {
  const escaped = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}(\\..*)?$`).test(path);
}

/**
 * The modules that match a pattern, outermost first.
 * @param flag name of the flag, for the error
 * @throws UsageError that lists all paths if none matches
 */
function modulesOf(model: Module, pattern: string, flag: string): [string, Module][] {
  const all = model.namedModules().filter(([path]) => path !== '');
  const found = all.filter(([path]) => fits(pattern, path));
  if (found.length > 0) return found;
  throw new UsageError({
    what: `${flag} ${pattern} matches no module of this network`,
    expected: `a path or a pattern such as ${all[0]?.[0] ?? '*'} among ${all.map(([path]) => path).join(', ')}`,
    got: pattern,
    next: 'give one of those; inspect shows them with their shapes',
  });
}

/** Freezes modules by the configuration. @returns messages for the user */
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
      got: `all ${grouped(all)} frozen`,
      next: 'freeze less, such as features alone',
    });
  return [
    `Frozen: ${counted(all - trained, 'parameter')} in ${counted(before.length - after.length, 'tensor')}; trained: ${grouped(trained)} in ${after.length}.`,
  ];
}

/** The learning rate factor of each parameter; the last matching pattern counts. */
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
