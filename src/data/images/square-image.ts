/** A square image, ready for a model's transform. */
export interface Image {
  /** Channels × side × side bytes: the red, green and blue planes. */
  readonly data: Uint8Array;
  readonly side: number;
}
