import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Leaf, Program } from './program.js';
import type { Setting } from './setting.js';

const list = (items: readonly unknown[]): string =>
  items.map((item) => `\n    ${JSON.stringify(item)},`).join('');

/** Source code of a module that runs a program on a device and prints the differences. */
export function codeOf(program: Program, setting: Setting): string {
  const { real, leaves, body, outputs, loss, twice, changes } = program;
  const at = (n: number): string => `v${n}`;
  const leafLine = ({ shape, dtype, stored }: Leaf, i: number): string =>
    `// ${at(i)} = ${stored ? 'stored' : 'fed'} ${dtype} [${shape.join(', ')}]`;
  const lines = body.map(({ kind, inputs, attrs }, i) => {
    const more = Object.keys(attrs).length > 0 ? ` ${JSON.stringify(attrs)}` : '';
    return `// ${at(leaves.length + i)} = ${kind}(${inputs.map(at).join(', ')})${more}`;
  });
  const here = pathToFileURL(fileURLToPath(new URL('./repeat.js', import.meta.url))).href;
  return [
    ...leaves.map(leafLine),
    ...lines,
    `// compared: ${[...outputs.map(at), ...(loss.length > 0 ? [`gradients of ${loss.map(({ value, as }) => `${as} ${at(value)}`).join(' + ')}`] : [])].join(', ')}`,
    `import { repeat } from '${here}';`,
    `await repeat(${JSON.stringify(setting)}, {`,
    `  real: '${real}',`,
    `  leaves: [${list(leaves)}\n  ],`,
    `  body: [${list(body)}\n  ],`,
    `  outputs: ${JSON.stringify(outputs)},`,
    `  loss: ${JSON.stringify(loss)},`,
    `  twice: ${twice},`,
    `  changes: ${JSON.stringify(changes)},`,
    '});',
  ].join('\n');
}
