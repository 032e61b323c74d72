import { blank, type HostImage } from './image.js';

/** A map from output to input coordinates, both relative to the middle of the image: rows [a, b, c] of x and y. */
type Inverse = readonly [number, number, number, number, number, number];

export interface AffineOptions {
  /** Degrees, clockwise, as in torchvision's `affine`. */
  readonly angle?: number;
  /** Pixels, horizontal and vertical. */
  readonly translate?: readonly [number, number];
  /** Degrees, horizontal and vertical. */
  readonly shear?: readonly [number, number];
  /** Fixed point relative to the middle of the image; default [0, 0]. */
  readonly centre?: readonly [number, number];
}

const radians = (degrees: number): number => (degrees * Math.PI) / 180;

function inverseOf({
  angle = 0,
  translate: [tx, ty] = [0, 0],
  shear = [0, 0],
  centre: [cx, cy] = [0, 0],
}: AffineOptions): Inverse {
  const rotation = radians(angle);
  const [sx, sy] = shear.map(radians) as [number, number];
  const a = Math.cos(rotation - sy) / Math.cos(sy);
  const b = (-Math.cos(rotation - sy) * Math.tan(sx)) / Math.cos(sy) - Math.sin(rotation);
  const c = Math.sin(rotation - sy) / Math.cos(sy);
  const d = (-Math.sin(rotation - sy) * Math.tan(sx)) / Math.cos(sy) + Math.cos(rotation);
  const [x, y] = [-cx - tx, -cy - ty];
  return [d, -b, d * x - b * y + cx, -c, a, -c * x + a * y + cy];
}

/** Half to even, as the C library rounds. */
const nearest = (value: number): number => {
  const low = Math.floor(value);
  const part = value - low;
  return part < 0.5 || (part === 0.5 && low % 2 === 0) ? low : low + 1;
};

/** Moves an image, each pixel from the nearest one; pixels from outside of the image are `fill`. */
export function affine(image: HostImage, options: AffineOptions, fill = 0): HostImage {
  const { data, channels, height, width } = image;
  // In float32 and in grid coordinates from -1 to 1, as torchvision computes them: positions half-way between two pixels
  // then go to the same one.
  const f32 = Math.fround;
  const [a, b, c, d, e, f] = inverseOf(options).map((value, i) =>
    f32(f32(value) / f32(0.5 * (i < 3 ? width : height))),
  ) as unknown as Inverse;
  const place = (grid: number, size: number): number => nearest(f32(f32(f32(f32(grid + 1) * size) - 1) / 2));
  const out = blank(image, data.length);
  const plane = height * width;
  const [middleX, middleY] = [(width - 1) / 2, (height - 1) / 2];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [dx, dy] = [x - middleX, y - middleY];
      const fromX = place(f32(f32(f32(a * dx) + f32(b * dy)) + c), width);
      const fromY = place(f32(f32(f32(d * dx) + f32(e * dy)) + f), height);
      const inside = fromX >= 0 && fromX < width && fromY >= 0 && fromY < height;
      for (let k = 0; k < channels; k++)
        out[k * plane + y * width + x] = inside ? data[k * plane + fromY * width + fromX]! : fill;
    }
  return { ...image, data: out };
}

/** @param angle degrees, counter-clockwise, as in torchvision's `rotate` */
export const rotate = (image: HostImage, angle: number, fill = 0): HostImage =>
  affine(image, { angle: -angle }, fill);
