export * from './average.js';
export * from './clip.js';
export * from './finite.js';
export * from './schedules.js';
export * from './sgd.js';
export type { Group, ParameterGroup, Parameters, SGDOptions, SGDState } from './sgd-options.js';
