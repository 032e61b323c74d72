import type { Generator } from '../../random.js';

/** Width and height in pixels. */
export const SHAPE_SIZE = 32;
/** Class names; the label is the index. */
export const SHAPE_NAMES: readonly string[] = [
  'circle',
  'square',
  'triangle',
  'star',
  'cross',
  'ring',
  'stripes',
  'checkerboard',
  'crescent',
  'spiral',
];

const PLANE = SHAPE_SIZE * SHAPE_SIZE;
/** Maximum distance of a shape's points from its centre, in radii. */
const REACH = 1.28;
/** Antialiasing: coverage is sampled on a grid of SAMPLES × SAMPLES points per pixel. */
const SAMPLES = 3;
const TAU = 2 * Math.PI;

type Inside = (u: number, v: number) => boolean;

/** Normals of the five lines of a pentagram. */
const STAR_X = [0, 1, 2, 3, 4].map((k) => Math.sin((k * TAU) / 5));
const STAR_Y = [0, 1, 2, 3, 4].map((k) => -Math.cos((k * TAU) / 5));
const STAR_DISTANCE = Math.cos(TAU / 5);

/** Whether a point, in units of the radius, lies inside the shape. One entry per class, in the order of the names. */
const SHAPES: readonly Inside[] = [
  (u, v) => u * u + v * v < 1,
  (u, v) => Math.max(Math.abs(u), Math.abs(v)) < 0.85,
  (u, v) => v < 0.5 && v > Math.sqrt(3) * Math.abs(u) - 1,
  (u, v) => {
    // A point is in the pentagram if it is on the inner side of at least four of the five lines.
    let outside = 0;
    for (let k = 0; k < 5; k++) if (u * STAR_X[k]! + v * STAR_Y[k]! > STAR_DISTANCE) outside++;
    return outside <= 1;
  },
  (u, v) => Math.min(Math.abs(u), Math.abs(v)) < 0.3 && Math.max(Math.abs(u), Math.abs(v)) < 1,
  (u, v) => {
    const square = u * u + v * v;
    return square < 1 && square > 0.36;
  },
  (u, v) => Math.max(Math.abs(u), Math.abs(v)) < 0.9 && Math.floor((u + 0.9) / 0.36) % 2 === 0,
  (u, v) =>
    Math.max(Math.abs(u), Math.abs(v)) < 0.9 &&
    (Math.floor((u + 0.9) / 0.45) + Math.floor((v + 0.9) / 0.45)) % 2 === 0,
  (u, v) => u * u + v * v < 1 && (u - 0.45) * (u - 0.45) + v * v > 0.5,
  (u, v) => {
    const radius = Math.sqrt(u * u + v * v);
    const turn = radius * 2 - Math.atan2(v, u) / TAU;
    return radius < 1 && turn - Math.floor(turn) < 0.5;
  },
];

type Colour = [red: number, green: number, blue: number];

/** Backgrounds are dark and shapes bright, so that a network need not learn both signs of contrast. */
const DARK: readonly [low: number, high: number] = [5, 105];
const BRIGHT: readonly [low: number, high: number] = [120, 250];

function colour(generator: Generator, [low, high]: readonly [low: number, high: number]): Colour {
  return [generator.uniform(low, high), generator.uniform(low, high), generator.uniform(low, high)];
}

/** Waves of two colours, so that edges and colours alone do not reveal the class. */
function drawBackground(generator: Generator, into: Float32Array): void {
  const first = colour(generator, DARK);
  const second = colour(generator, DARK);
  const amount = generator.uniform(0.1, 0.6);
  const direction = generator.uniform(0, TAU);
  const frequency = generator.uniform(0.05, 0.9);
  const stepX = frequency * Math.cos(direction);
  const stepY = frequency * Math.sin(direction);
  const phase = generator.uniform(0, TAU);
  for (let y = 0, at = 0; y < SHAPE_SIZE; y++) {
    for (let x = 0; x < SHAPE_SIZE; x++, at++) {
      const mix = amount * (0.5 + 0.5 * Math.sin(phase + stepX * x + stepY * y));
      for (let c = 0; c < 3; c++) into[c * PLANE + at] = first[c]! + (second[c]! - first[c]!) * mix;
    }
  }
}

interface Place {
  x: number;
  y: number;
  radius: number;
  angle: number;
}

/** Paints a shape over the image, blending each pixel by its coverage. */
function paint(
  into: Float32Array,
  inside: Inside,
  { x, y, radius, angle }: Place,
  paint: Colour,
  shade: number,
): void {
  const cos = Math.cos(angle) / radius;
  const sin = Math.sin(angle) / radius;
  const reach = radius * REACH;
  const left = Math.max(0, Math.floor(x - reach));
  const right = Math.min(SHAPE_SIZE, Math.ceil(x + reach));
  const top = Math.max(0, Math.floor(y - reach));
  const bottom = Math.min(SHAPE_SIZE, Math.ceil(y + reach));
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      let hits = 0;
      for (let j = 0; j < SAMPLES; j++) {
        const dy = row + (j + 0.5) / SAMPLES - y;
        for (let i = 0; i < SAMPLES; i++) {
          const dx = column + (i + 0.5) / SAMPLES - x;
          if (inside(dx * cos + dy * sin, dy * cos - dx * sin)) hits++;
        }
      }
      if (hits === 0) continue;
      const share = hits / (SAMPLES * SAMPLES);
      const light = shade * ((column - x + row - y) / radius);
      for (let c = 0; c < 3; c++) {
        const at = c * PLANE + row * SHAPE_SIZE + column;
        into[at]! += (paint[c]! + light - into[at]!) * share;
      }
    }
  }
}

const canvas = new Float32Array(3 * PLANE);

/**
 * Draws one image: a background of waves, a few specks, the shape in a contrasting colour, and noise.
 *
 * @param label index into {@link SHAPE_NAMES}
 * @param generator source of all random choices
 * @param into receives 3 × 32 × 32 bytes: red, green and blue planes, row by row
 */
export function drawShape(label: number, generator: Generator, into: Uint8Array): void {
  drawBackground(generator, canvas);
  for (let specks = generator.integer(3); specks > 0; specks--) {
    const place = {
      x: generator.uniform(0, 32),
      y: generator.uniform(0, 32),
      radius: generator.uniform(1, 2),
      angle: 0,
    };
    paint(canvas, SHAPES[0]!, place, colour(generator, DARK), 0);
  }

  const ink = colour(generator, BRIGHT);
  const radius = generator.uniform(9, 13);
  const margin = radius * 1.05;
  const place: Place = {
    x: generator.uniform(margin, SHAPE_SIZE - margin),
    y: generator.uniform(margin, SHAPE_SIZE - margin),
    radius,
    angle: generator.uniform(-0.35, 0.35),
  };
  paint(canvas, SHAPES[label]!, place, ink, generator.uniform(-20, 20));

  // One random word gives noise for four values.
  const strength = generator.uniform(4, 20) / 255;
  for (let i = 0; i < canvas.length; i += 4) {
    const word = generator.nextUint32();
    for (let k = 0; k < 4; k++) {
      const value = canvas[i + k]! + (((word >>> (8 * k)) & 255) - 127.5) * strength;
      into[i + k] = value < 0 ? 0 : value > 255 ? 255 : value + 0.5;
    }
  }
}
