import { readFixture } from './generated.js';

interface ImageFixture {
  readonly side: number;
  readonly statistics: { mean: number[]; eigenvalues: number[]; eigenvectors: number[][] };
  readonly tenCrop: {
    input: { shape: number[]; data: number[] };
    size: [number, number];
    views: number[][];
  };
  readonly cases: { name: string; file: string; square: string }[];
}

/** What PIL, torchvision and numpy make of small files. */
export const imageFixture = readFixture<ImageFixture>('images.json');

export const imageCases = imageFixture.cases.map(({ name, file, square }) => ({
  name,
  file: Uint8Array.from(Buffer.from(file, 'base64')),
  /** 3 × side × side bytes. */
  square: Uint8Array.from(Buffer.from(square, 'base64')),
}));
