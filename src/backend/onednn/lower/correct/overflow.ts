import { sizeOf } from '../../../../graph/types.js';
import type { OneDnnBuilder } from '../../builder.js';
import type { Form } from '../../ir.js';
import { arrayAt } from '../../library/memory.js';

/**
 * Adds a step that makes NaN of the rows whose variance has left the range of float32, and of that variance: the library
 * divides by its root, so all of such a row would be 0, and its gradient finite.
 */
export function spoilOverflow(b: OneDnnBuilder, i: number, variance: Form, rows: Form): void {
  const { op, scope } = b.node(i);
  const [count, total] = [sizeOf(variance.dims), sizeOf(rows.dims)];
  b.emit({
    op,
    scope,
    kernel: 'corrected',
    macs: 0,
    touches: [variance.region, rows.region],
    writes: false,
    script: (at) => {
      const variances = arrayAt(at(variance.region), 'float32', count) as Float32Array;
      const address = at(rows.region);
      return () => {
        for (let row = 0; row < count; row++) {
          if (variances[row]! < Number.POSITIVE_INFINITY) continue;
          variances[row] = Number.NaN;
          const length = total / count;
          arrayAt(address + row * length * 4, 'float32', length).fill(Number.NaN);
        }
      };
    },
  });
}
