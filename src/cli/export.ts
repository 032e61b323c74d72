import type { Command } from 'commander';
import { examples, JSON_OUTPUT, oneOf, pathName } from './options.js';
import { grouped, print, printJson } from './output.js';

interface Flags {
  readonly format: 'onnx';
  readonly out: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command('export')
    .summary('write a trained model as a file for other programs')
    .description(
      'Writes the inference graph of a trained model, with its weights, as a file that other programs run.\nThe pictures that it takes are prepared as the file’s metadata says.',
    )
    .argument('<run-or-weights>', 'a run folder, a .safetensors file of weights, or an .onnx file')
    .option('--format <name>', 'what to write: onnx (opset 17)', oneOf('--format', ['onnx']), 'onnx')
    .option('--out <file>', 'where to write it', pathName('--out'), 'model.onnx')
    .option(...JSON_OUTPUT)
    .addHelpText('after', examples('paperweight export runs/my-run --format onnx --out alexnet.onnx'))
    .action(exportModel);
}

async function exportModel(path: string, flags: Flags): Promise<void> {
  const [
    { openModel },
    { MODEL_KEY },
    { referenceDevice },
    { exportOnnx },
    { writeFileAtomic },
    { version },
  ] = await Promise.all([
    import('../papers/load.js'),
    import('../papers/load-onnx.js'),
    import('../backend/reference/index.js'),
    import('../interop/onnx/index.js'),
    import('../train/atomic.js'),
    import('../version.js'),
  ]);
  // Nothing is computed: any device can hold the weights.
  const { model, config, classes, transform, note: assumed } = await openModel(path, referenceDevice());
  const file = await exportOnnx(model, [3, config.imageSize, config.imageSize], {
    name: `${config.paper}-${config.preset}`,
    version: version(),
    // What had to be assumed is not passed on as if the model had said it.
    metadata: assumed
      ? {}
      : {
          classes: JSON.stringify(classes),
          transform: transform.toString(),
          [MODEL_KEY]: JSON.stringify(config),
        },
  });
  await writeFileAtomic(flags.out, file.pieces);
  const found = {
    file: flags.out,
    bytes: file.length,
    classes: classes.length,
    transform: transform.toString(),
  };
  if (flags.json) return printJson(found);
  print(`${flags.out}: ${grouped(file.length)} bytes, ${classes.length} classes`);
  print(
    `Input "pictures" [batch, 3, ${config.imageSize}, ${config.imageSize}], output "logits" [batch, ${classes.length}].`,
  );
  print(`Pictures are prepared with ${transform}.`);
}
