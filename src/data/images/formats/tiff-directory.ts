const [SHORT, LONG] = [3, 4];
const BIG = 43;

/** Where the first directory of a TIFF structure and its entries lie; BigTIFF has larger fields. */
interface Layout {
  readonly view: DataView;
  readonly little: boolean;
  readonly first: number;
  readonly count: number;
  readonly entryBytes: number;
  /** Offset of the values in an entry. */
  readonly values: number;
}

function layoutOf(bytes: Uint8Array): Layout | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 16) return undefined;
  const order = view.getUint16(0);
  if (order !== 0x4949 && order !== 0x4d4d) return undefined;
  const little = order === 0x4949;
  const big = view.getUint16(2, little) === BIG;
  const directory = big ? Number(view.getBigUint64(8, little)) : view.getUint32(4, little);
  const first = directory + (big ? 8 : 2);
  if (first > bytes.length) return undefined;
  const count = big ? Number(view.getBigUint64(directory, little)) : view.getUint16(directory, little);
  return { view, little, first, count, entryBytes: big ? 20 : 12, values: big ? 12 : 8 };
}

/**
 * The first integers of a tag in the first directory of a TIFF structure (TIFF 6.0, section 2).
 *
 * @param most how many of them, at most two: more lie elsewhere in the file
 * @returns undefined if the tag is missing or has other values, or the structure is damaged
 */
export function tiffTag(bytes: Uint8Array, tag: number, most: 1 | 2 = 1): number[] | undefined {
  const layout = layoutOf(bytes);
  if (!layout) return undefined;
  const { view, little, first, count, entryBytes, values } = layout;
  for (let i = 0, at = first; i < count && at + entryBytes <= bytes.length; i++, at += entryBytes) {
    if (view.getUint16(at, little) !== tag) continue;
    const type = view.getUint16(at + 2, little);
    if (type === LONG) return [view.getUint32(at + values, little)];
    if (type !== SHORT) return undefined;
    return Array.from({ length: most }, (_, k) => view.getUint16(at + values + 2 * k, little));
  }
  return undefined;
}
