export * from './schedules.js';
export * from './sgd.js';
