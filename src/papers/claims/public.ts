export { type Claim, type Judgement, resultsOf, type Text, withSeeds } from './claim.js';
export type { Job, Variant } from './job.js';
export {
  compared,
  counted,
  type Side,
  single,
  testError,
  testMetric,
  trainError,
  trainMetric,
  unmeasured,
} from './kinds.js';
export type { Result, Results } from './result.js';
