export * from './cosine.js';
export * from './lambda.js';
export * from './one-cycle.js';
export * from './plateau.js';
export * from './ramps.js';
export type { HasRates, Schedule, ScheduleState } from './schedule.js';
export * from './sequential.js';
export * from './steps.js';
