export type { Wire } from '../backend/communication/protocol.js';
export { launcherOf } from './mpi/launcher.js';
export type { SplitModel } from './split.js';
export { open, type World } from './world.js';
