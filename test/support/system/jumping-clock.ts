/*
 * Loaded before a program (`node --import`), makes the system's clock jump to and fro by up to ten days whenever it
 * is looked at.
 */
const RealDate = Date;
const now = RealDate.now;
let looks = 0;
const jumping = (): number => now() + (((looks++ * 7919) % 21) - 10) * 86_400_000;
globalThis.Date = class extends RealDate {
  constructor(...args: unknown[]) {
    super(...((args.length === 0 ? [jumping()] : args) as [number]));
  }
  static override now(): number {
    return jumping();
  }
} as DateConstructor;
