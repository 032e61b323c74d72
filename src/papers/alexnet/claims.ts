import type { Claim } from '../claims/claim.js';
export const claims: readonly Claim[] = [];
