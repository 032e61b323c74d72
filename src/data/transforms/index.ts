export * from './geometry.js';
export { compose, type Transform, type TransformContext } from './transform.js';
export * from './values.js';
