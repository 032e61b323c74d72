import { V } from '../../../webassembly/instructions.js';
import { add, div, min, mul, rem, sub } from '../../../webassembly/terms.js';
import { KernelModule } from '../kernel-module.js';
import { PLACES, SIDE, weightTransform } from './winograd-scheme.js';

/** Arguments of the kernel that transforms and packs weights; steps in bytes. */
export const WINOGRAD_WEIGHT_ARGS = [
  'source',
  'target',
  'group',
  'stepI',
  'planeStep',
  'planes',
  'count',
  'placeBytes',
] as const;

const LANES = 4;

/**
 * A kernel whose pieces are panels of `width` output channels, of all groups: G g Gᵀ for each place. Four channels are one
 * vector.
 *
 * @param taps offsets in bytes of the weights of a plane, row by row
 */
export function encodeWinogradWeights(
  width: number,
  taps: readonly number[],
  pages: number,
): Uint8Array<ArrayBuffer> {
  const module = new KernelModule();
  module.run(WINOGRAD_WEIGHT_ARGS, (routine, p) => {
    const transform = weightTransform(routine);
    const panels = routine.let(div(add(p.count, width - 1), width));
    const last = routine.let(sub(p.count, 1));
    const placeRow = routine.let(mul(p.placeBytes, SIDE));
    routine.for(p.from, p.to, 1, (piece) => {
      const group = routine.let(div(piece, panels));
      const first = routine.let(mul(rem(piece, panels), width));
      const from = routine.let(add(p.source, mul(group, p.group)));
      const panel = routine.let(
        add(p.target, mul(group, mul(p.placeBytes, PLACES)), mul(mul(first, p.planes), 4)),
      );
      for (let start = 0; start < width; start += LANES) {
        const lanes = Math.min(LANES, width - start);
        // The channels beyond the last one are not used, but their weights must not be read beyond the last ones.
        const channels = Array.from({ length: lanes }, (_, lane) =>
          routine.let(add(from, mul(min(add(first, start + lane), last), p.stepI))),
        );
        const to = routine.let(add(panel, 4 * start));
        routine.for(0, p.planes, 1, () => {
          const weights = taps.map((tap) => {
            const vector = routine.load(channels[0]!, tap, V.load32Zero);
            for (let lane = 1; lane < lanes; lane++)
              routine.push(channels[lane]!).get(vector).memory(V.load32Lane, tap, lane).set(vector);
            return vector;
          });
          const side = Math.sqrt(taps.length);
          const rows = Array.from({ length: side }, (_, row) =>
            transform(weights.slice(row * side, (row + 1) * side)),
          );
          const place = routine.let(to);
          for (let j = 0; j < SIDE; j++) {
            const at = routine.let(place);
            for (const value of transform(rows.map((row) => row[j]!))) {
              if (lanes === LANES) routine.save(at, value);
              else routine.push(at).get(value).memory(V.store64Lane, 0, 0);
              routine.step(at, placeRow);
            }
            routine.step(place, p.placeBytes);
          }
          for (const channel of channels) routine.step(channel, p.planeStep);
          routine.step(to, 4 * width);
        });
      }
    });
  });
  return module.encodeFor(pages);
}
