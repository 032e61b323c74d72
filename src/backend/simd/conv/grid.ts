/**
 * The numbers that a convolution reads, forward or backward: for each position of a grid and each tap, one number of
 * every channel (plane) of an image. Position (r, q) and tap (i, j) read row r · stepRow + i and column
 * q · stepColumn + j, and numbers outside of the plane are 0.
 */
export interface Grid {
  readonly images: number;
  readonly groups: number;
  /** Planes of each group, and their size. */
  readonly planes: number;
  readonly height: number;
  readonly width: number;
  /** Size of the grid of positions. */
  readonly rows: number;
  readonly columns: number;
  readonly stepRow: number;
  readonly stepColumn: number;
  readonly taps: readonly Tap[];
}

export interface Tap {
  readonly row: number;
  readonly column: number;
  /** Position of its weight in a kernel of kH × kW. */
  readonly index: number;
}

/** The box around all taps. */
interface Box {
  readonly row: number;
  readonly column: number;
  readonly height: number;
  readonly width: number;
}

function boxOf(taps: readonly Tap[]): Box {
  const rows = taps.map(({ row }) => row);
  const columns = taps.map(({ column }) => column);
  if (taps.length === 0) return { row: 0, column: 0, height: 1, width: 1 };
  const [row, column] = [Math.min(...rows), Math.min(...columns)];
  return { row, column, height: Math.max(...rows) - row + 1, width: Math.max(...columns) - column + 1 };
}

/** Where a strip of the grid reads its input: from a zero-padded copy, or directly from the image. */
export interface Strip {
  /** Whether numbers outside of the planes are read, so that a copy is needed. */
  readonly padded: boolean;
  /** Distances in bytes. */
  readonly rowBytes: number;
  readonly planeBytes: number;
  /** Rows and columns of each plane that a whole strip reads. */
  readonly rows: number;
  readonly columns: number;
  readonly box: Box;
}

/** @param rows rows of the grid in a strip */
export function stripOf(grid: Grid, rows: number): Strip {
  const box = boxOf(grid.taps);
  const inRows = (rows - 1) * grid.stepRow + box.height;
  const inColumns = (grid.columns - 1) * grid.stepColumn + box.width;
  const padded =
    grid.taps.length > 0 &&
    (box.row < 0 ||
      box.column < 0 ||
      (grid.rows - 1) * grid.stepRow + box.row + box.height > grid.height ||
      inColumns + box.column > grid.width);
  const columns = padded ? inColumns : grid.width;
  return {
    padded,
    rowBytes: 4 * columns,
    planeBytes: 4 * columns * (padded ? inRows : grid.height),
    rows: inRows,
    columns: inColumns,
    box,
  };
}

/** For each plane and tap, the distance in bytes from the first number that a position reads. */
export const tapOffsets = ({ planes, taps }: Grid, { rowBytes, planeBytes, box }: Strip): number[] =>
  Array.from({ length: planes }, (_, plane) =>
    taps.map(
      ({ row, column }) => plane * planeBytes + (row - box.row) * rowBytes + 4 * (column - box.column),
    ),
  ).flat();

/** For each position of a strip, where it begins. */
export const positionOffsets = (
  { columns, stepRow, stepColumn }: Grid,
  { rowBytes }: Strip,
  rows: number,
): number[] =>
  Array.from(
    { length: rows * columns },
    (_, at) => Math.floor(at / columns) * stepRow * rowBytes + 4 * (at % columns) * stepColumn,
  );

/** Layout of the numbers that a panel's positions read: anywhere, adjacent, or every second number. */
export const PanelLayout = { anywhere: 0, adjacent: 1, alternate: 2 } as const;

/** Integers of a panel in the table: its `PanelLayout`, then the offset of each position. */
export const panelWords = (width: number): number => width + 1;

/** The panels of a strip, of `width` positions each; the last one repeats its last position. */
export function panelTable(offsets: readonly number[], width: number): number[] {
  return Array.from({ length: Math.ceil(offsets.length / width) }, (_, panel) => {
    const own = Array.from(
      { length: width },
      (_, i) => offsets[Math.min(panel * width + i, offsets.length - 1)]!,
    );
    const every = (bytes: number): boolean => own.every((offset, i) => offset === own[0]! + i * bytes);
    return [
      every(4) ? PanelLayout.adjacent : every(8) ? PanelLayout.alternate : PanelLayout.anywhere,
      ...own,
    ];
  }).flat();
}

/** How a strip's row meets the plane: zeros on the left, skipped columns of the plane, and columns inside it. */
export function rowParts(
  grid: Grid,
  { columns, box }: Strip,
): { left: number; skip: number; inside: number } {
  const left = Math.min(columns, Math.max(0, -box.column));
  const skip = Math.max(0, box.column);
  const inside = Math.max(0, Math.min(columns - left, grid.width - skip));
  return { left, skip, inside };
}
