export { OneDnnEngine } from './engine.js';
