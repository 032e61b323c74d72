import { takeLock } from '../../../src/files/lock.js';

/*
 * Tries to take a run folder's lock at a certain time, says so, and keeps it until it is killed or five minutes later:
 *
 *   node child-lock.js <folder> <time in ms> <flock | name>
 */
const [folder = '', time = '0', kind] = process.argv.slice(2);
while (Date.now() < Number(time));
try {
  const lock = await takeLock(folder, ...(kind === 'name' ? [async () => 'impossible' as const] : []));
  console.log(`has ${lock.kind}`);
  setTimeout(() => process.exit(), 300_000);
} catch (error) {
  console.log(String(error));
}
