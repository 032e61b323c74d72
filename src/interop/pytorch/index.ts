export { openLegacyPytorch } from './legacy.js';
export { openPytorch } from './read.js';
