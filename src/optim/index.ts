export * from './average.js';
export * from './clip.js';
export * from './finite.js';
export * from './schedules.js';
export * from './sgd.js';
