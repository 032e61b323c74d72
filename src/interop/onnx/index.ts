export { exportOnnx, type OnnxOptions } from './export.js';
export { readOnnx } from './file.js';
export { type ImportOptions, importOnnx, OPSETS } from './import/index.js';
export { type OnnxDescription, OnnxModel } from './import/model.js';
