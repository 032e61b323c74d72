/** A range of memory that a plan uses: in its arena, in a storage, or in a copy of a storage. */
export interface Region {
  bytes: number;
  /** Index of the storage among the graph's storages, if the region is a storage. */
  readonly slot?: number;
  /** Index of the storage of which the region is a copy in another layout or type; kept until the storage changes. */
  readonly packs?: number;
  /** First and last step that use it; the arena is planned from these. */
  first: number;
  last: number;
  /** Offset in the arena, once the arena is planned. */
  offset: number;
}
