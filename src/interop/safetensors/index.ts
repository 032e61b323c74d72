export { openSafetensors, readSafetensors, type SafetensorsFile, type SafetensorsReader } from './read.js';
export { type ArraySource, safetensorsPieces } from './write.js';
