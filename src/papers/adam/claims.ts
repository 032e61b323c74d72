import type { Claim } from '../claims/claim.js';
import { unmeasured } from '../claims/kinds.js';
import { biasClaims } from './claims-bias.js';
import { comparisons } from './claims-compared.js';
import { countedClaims } from './claims-counted.js';

const elsewhere: Claim[] = [
  unmeasured({
    id: 'sparse-features',
    section: '6.1, figure 1',
    statement: {
      en: 'On sparse bags of words (IMDB reviews) Adam converges as fast as AdaGrad, and both faster than SGD.',
      zh: '在稀疏词袋特征（IMDB 影评）上，Adam 的收敛与 AdaGrad 一样快，都快于 SGD。',
    },
    paperSays: 'Adam ≈ AdaGrad < SGD',
    rule: { en: '', zh: '' },
    needs: { en: 'needs the IMDB reviews', zh: '需要 IMDB 影评数据' },
  }),
  unmeasured({
    id: 'sfo',
    section: '6.2, figure 2',
    statement: {
      en: 'Adam makes faster progress than the sum-of-functions optimizer, in steps and in time.',
      zh: '无论按步数还是按时间，Adam 都比 sum-of-functions 优化器进展更快。',
    },
    paperSays: 'Adam < SFO',
    rule: { en: '', zh: '' },
    needs: {
      en: 'needs that quasi-Newton method, which is not built here',
      zh: '需要该拟牛顿方法，此处没有实现',
    },
  }),
];

export const claims: readonly Claim[] = [...countedClaims, ...comparisons, ...biasClaims, ...elsewhere];
