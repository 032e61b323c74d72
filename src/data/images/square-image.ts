/** A square image, ready for a model's transform. */
export interface Image {
  /** Channels × side × side, red before green before blue. */
  readonly data: Uint8Array;
  readonly side: number;
}
