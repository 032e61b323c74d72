export { openSafetensors, type SafetensorsReader } from './read.js';
export { readSafetensors, type SafetensorsFile } from './whole.js';
export { type ArraySource, safetensorsPieces } from './write.js';
