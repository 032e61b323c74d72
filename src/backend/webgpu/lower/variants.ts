import type { Limits, Variant } from '../builder.js';
import { alongProduct } from '../kernels/along.js';
import { broadcastProduct } from '../kernels/broadcast.js';
import { directGroups, directProduct } from '../kernels/direct.js';
import type { Product, Tile } from '../kernels/product.js';
import { lanesIn, type SharedTile, sharedBytes, tiledProduct } from '../kernels/tiled.js';

/** Sizes that decide which kernels suit a product. */
interface Sizes {
  readonly rows: number;
  readonly columns: number;
  /** Whether a number divides that of the steps of the innermost loop. */
  readonly evenly: (by: number) => boolean;
  /** Whether elements of B lie beside each other along the sum, which has one loop. */
  readonly along: boolean;
  /** Whether A and B are float16. */
  readonly half: boolean;
}

/** The tile of each lane of the direct kernel. */
export const directTile = ({ rows, columns }: Pick<Sizes, 'rows' | 'columns'>): Tile => ({
  rows: rows >= 5 ? 8 : rows >= 2 ? 4 : 1,
  columns: columns >= 96 ? 8 : columns >= 32 ? 4 : 1,
});

/** Tiles in workgroup memory that are tried. */
const SHARED_TILES: readonly SharedTile[] = [
  { rows: 64, columns: 64, lane: { rows: 4, columns: 4 }, depth: 16 },
  { rows: 32, columns: 64, lane: { rows: 4, columns: 4 }, depth: 16 },
  { rows: 32, columns: 32, lane: { rows: 2, columns: 4 }, depth: 16 },
  { rows: 128, columns: 64, lane: { rows: 8, columns: 4 }, depth: 8 },
];

/** Tiles of lanes that read elements for each other. */
const BROADCAST_TILES: readonly Tile[] = [
  { rows: 32, columns: 4 },
  { rows: 64, columns: 4 },
  { rows: 32, columns: 8 },
];

/** Most rows for which lanes along the sum are tried, and the columns of their workgroup. */
const FEW_ROWS = 4;
const ALONG_COLUMNS = 4;

/** Lanes of a subgroup from which on reading for each other pays without a trial. */
const WIDE = 8;
/** Narrower products have too few columns for the lanes of a workgroup. */
const FEW_COLUMNS = 32;

/**
 * The kernels that can compute a product, of which the first is the one that others are compared with. Without trials it
 * is one kernel. That is so on software adapters, where compiling takes longer than computing.
 */
export function variantsOf(product: Product, sizes: Sizes, limits: Limits): [Variant, ...Variant[]] {
  const { subgroup, trials } = limits;
  const { rows, columns } = sizes;
  const passes = subgroup !== undefined && rows >= subgroup && columns >= FEW_COLUMNS;
  if (!trials)
    return [
      passes && subgroup >= WIDE && BROADCAST_TILES[0]!.rows % subgroup === 0
        ? broadcast(product, sizes, BROADCAST_TILES[0]!, subgroup)
        : direct(product, sizes),
    ];
  const tiles = sizes.half ? SHARED_TILES.flatMap((tile) => [tile, { ...tile, half: true }]) : SHARED_TILES;
  const shared = tiles.filter(
    (tile) =>
      // A tile of which more than half lies outside computes too much in vain.
      2 * rows > tile.rows &&
      2 * columns > tile.columns &&
      lanesIn(tile) <= limits.lanes &&
      sharedBytes(tile) <= limits.shared,
  );
  const passing = passes
    ? BROADCAST_TILES.filter((tile) => tile.rows % subgroup === 0 && 2 * rows > tile.rows)
    : [];
  return [
    direct(product, sizes),
    ...(sizes.along && rows <= FEW_ROWS ? [along(product, sizes)] : []),
    ...shared.map((tile) => tiled(product, sizes, tile)),
    ...passing.map((tile) => broadcast(product, sizes, tile, subgroup!)),
  ];
}

function direct(product: Product, sizes: Sizes): Variant {
  const tile = directTile(sizes);
  const [groups, rows] = directGroups(sizes.rows, sizes.columns, tile);
  return { program: directProduct(product, tile), groups, rows };
}

const tiled = (product: Product, { rows, columns }: Sizes, tile: SharedTile): Variant => ({
  program: tiledProduct(product, tile),
  groups: Math.ceil(columns / tile.columns),
  rows: Math.ceil(rows / tile.rows),
});

function along(product: Product, { rows, columns }: Sizes): Variant {
  const program = alongProduct(product, { rows, columns: ALONG_COLUMNS });
  return { program, groups: Math.ceil(columns / ALONG_COLUMNS), rows: 1 };
}

function broadcast(product: Product, sizes: Sizes, most: Tile, size: number): Variant {
  const tile = { ...most, rows: Math.min(most.rows, Math.ceil(sizes.rows / size) * size) };
  const [groups, rows] = directGroups(sizes.rows, sizes.columns, tile);
  const unroll = sizes.evenly(2) ? 2 : 1;
  return { program: broadcastProduct(product, tile, size, unroll), groups, rows };
}
