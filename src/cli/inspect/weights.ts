import { grouped } from '../../errors/counted.js';
import { CheckpointError } from '../../errors/errors.js';
import type { ModelHints } from '../../papers/recognise.js';
import { fittedTable, leftOutLine, print, printJson, widest } from '../terminal/output.js';

/**
 * Prints the tensors in a file of weights and the network that they belong to. Tensor values are not read.
 * @throws CheckpointError if the file is not a valid file of weights
 */
export async function inspectWeights(
  file: string,
  hints: ModelHints,
  { json = false }: { json?: boolean } = {},
): Promise<void> {
  const [{ withFile }, { openWeights }, { countOf }, { describeModel, recogniseModel }] = await Promise.all([
    import('../../files/file-source.js'),
    import('../../interop/weights.js'),
    import('../../interop/numbers.js'),
    import('../../papers/recognise.js'),
  ]);
  const { format, metadata, notes, tensors } = await withFile(file, openWeights);
  const listed = { format, metadata, notes, tensors };
  // The tensors are listed even if the network is unknown.
  const found = await recogniseModel(file, listed, hints).catch((error) => {
    if (error instanceof CheckpointError) return error;
    throw error;
  });
  const rows = [...tensors].map(([name, info]) => ({
    name,
    dtype: info.dtype,
    shape: info.shape,
    numbers: countOf(info),
  }));
  const total = rows.reduce((sum, { numbers }) => sum + numbers, 0);
  if (json) {
    const network = found instanceof CheckpointError ? null : { ...found.config, assumed: found.assumed };
    return printJson({ file, format, notes, tensors: rows, numbers: total, metadata, network });
  }
  const fitted = fittedTable(
    [
      ['Tensor', 'Type', 'Shape', 'Numbers'],
      ...rows.map(({ name, dtype, shape, numbers }) => [
        JSON.stringify(name).slice(1, -1),
        dtype,
        shape.join(' × '),
        grouped(numbers),
      ]),
      ['Total', '', '', grouped(total)],
    ],
    'lllr',
    [1, 3],
  );
  const { lines } = fitted;
  const rule = '─'.repeat(widest(lines));
  for (const line of [lines[0]!, rule, ...lines.slice(1, -1), rule, lines.at(-1)!]) print(line);
  for (const line of leftOutLine(fitted)) print(line);
  print();
  const description =
    found instanceof CheckpointError
      ? [`Weights: ${[format, ...notes].join('; ')}`, 'Network: unknown']
      : describeModel(listed, found);
  for (const line of description) print(line);
}
