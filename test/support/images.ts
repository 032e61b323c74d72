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

const decoded = ({ cases }: Pick<ImageFixture, 'cases'>) =>
  cases.map(({ name, file, square }) => ({
    name,
    file: Uint8Array.from(Buffer.from(file, 'base64')),
    /** 3 × side × side bytes. */
    square: Uint8Array.from(Buffer.from(square, 'base64')),
  }));

export const imageCases = decoded(imageFixture);

/** What Pillow and torchvision make of files of all formats, once they are upright. */
export const fileFixture = readFixture<Pick<ImageFixture, 'side' | 'cases'>>('image-files.json');

export const fileCases = decoded(fileFixture);
