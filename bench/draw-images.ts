import { parseArgs } from 'node:util';
import { drawImageFolder } from '../test/support/draw-images.js';

/*
 * Generates a folder in ImageNet's layout: DIR/train/<class>/*.jpg and DIR/val/<class>/*.jpg.
 *   npm run build && node dist/bench/draw-images.js DIR --classes 1000 --train 4 --val 1 --width 500 --height 375
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    classes: { type: 'string', default: '10' },
    train: { type: 'string', default: '300' },
    val: { type: 'string', default: '30' },
    width: { type: 'string', default: '500' },
    height: { type: 'string', default: '375' },
  },
});
const [root] = positionals;
if (!root) throw new Error('name the output folder');
const started = performance.now();
const count = await drawImageFolder({
  root,
  classes: Number(values.classes),
  train: Number(values.train),
  val: Number(values.val),
  size: [Number(values.width), Number(values.height)],
});
console.log(`${count} images in ${root}, ${((performance.now() - started) / 1000).toFixed(1)} s`);
