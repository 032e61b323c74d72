export { openLegacyPytorch } from './legacy.js';
export { openPytorch } from './read.js';
export { pytorchPieces } from './write.js';
