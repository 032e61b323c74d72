import { useState } from 'preact/hooks';
import type { Confusion, Working } from '../../../serve/api.js';
import { getWhenReady } from '../../app/api.js';
import { useApp } from '../../app/context.js';
import { useLoad } from '../../app/use.js';
import { integer, percent, share } from '../../lib/format.js';
import { accuracy, heat, worstPairs } from '../../lib/heat.js';
import { Dialog } from '../../ui/dialog.js';
import { imageUrl } from '../../ui/picker.js';
import { Problem } from '../../ui/problem.js';
import { Scroll } from '../../ui/scroll.js';
import { WorkingLine } from '../../ui/working.js';

interface Cell {
  readonly truth: number;
  readonly predicted: number;
}

/** The confusion matrix. It takes the server a while to compute, so it starts on request. */
export function ConfusionView({ id, onLook }: { id: string; onLook: (index: number) => void }) {
  const { t } = useApp();
  const [wanted, setWanted] = useState(false);
  const [working, setWorking] = useState<Working>();
  const { value, failure, loading, reload } = useLoad(wanted ? id : undefined, (signal) =>
    getWhenReady('GET /api/runs/:id/confusion', { params: { id } }, setWorking, signal),
  );
  return (
    <section class="block" aria-labelledby="confusion-title">
      <h2 id="confusion-title">{t('confusion.title')}</h2>
      <p class="why">{t('confusion.why')}</p>
      {!wanted && (
        <button type="button" onClick={() => setWanted(true)}>
          {t('confusion.measure')}
        </button>
      )}
      {failure && <Problem failure={failure} retry={reload} />}
      {wanted && loading && !value && <WorkingLine working={working} text={t('confusion.working')} />}
      {value && <Matrix id={id} confusion={value} onLook={onLook} />}
    </section>
  );
}

function Matrix({
  id,
  confusion,
  onLook,
}: {
  id: string;
  confusion: Confusion;
  onLook: (index: number) => void;
}) {
  const { t, language } = useApp();
  const [open, setOpen] = useState<Cell>();
  const { classes, counts, images, weights } = confusion;
  const worst = worstPairs(counts, 3);
  return (
    <>
      <p class="confusion-sum">
        {t('confusion.sum', { accuracy: percent(accuracy(counts)), n: integer(images, language) })}{' '}
        {worst.length > 0 &&
          t('confusion.worst', {
            pairs: worst
              .map(({ truth, predicted, count }) => `${classes[truth]} → ${classes[predicted]} (${count})`)
              .join(t('comma')),
          })}{' '}
        <span class="hint">
          {t('try.weights')} <code>{weights}</code>
        </span>
      </p>
      <Scroll label={t('confusion.title')}>
        <table class="confusion">
          <caption>{t('confusion.caption')}</caption>
          <thead>
            <tr>
              <td />
              {classes.map((name) => (
                <th key={name} scope="col">
                  <span>{name}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {counts.map((row, truth) => {
              const total = row.reduce((sum, count) => sum + count, 0);
              return (
                <tr key={classes[truth]}>
                  <th scope="row">{classes[truth]}</th>
                  {row.map((count, predicted) => {
                    const { level, share: part } = heat(count, total);
                    return (
                      <td key={classes[predicted]} class={truth === predicted ? 'diagonal' : ''}>
                        <button
                          type="button"
                          class={`heat heat-${level}${truth === predicted ? ' heat-right' : ''}`}
                          disabled={count === 0}
                          title={`${classes[truth]} → ${classes[predicted]}: ${share(part)}`}
                          aria-label={t('confusion.cell', {
                            n: count,
                            truth: classes[truth] ?? '',
                            predicted: classes[predicted] ?? '',
                          })}
                          onClick={() => setOpen({ truth, predicted })}
                        >
                          {count}
                        </button>
                      </td>
                    );
                  })}
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scroll>
      {open && (
        <Dialog
          title={t('confusion.opened', {
            truth: classes[open.truth] ?? '',
            predicted: classes[open.predicted] ?? '',
          })}
          onClose={() => setOpen(undefined)}
        >
          <p class="hint">
            {t('confusion.shown', {
              n: confusion.cells[open.truth]?.[open.predicted]?.length ?? 0,
              all: counts[open.truth]?.[open.predicted] ?? 0,
            })}
          </p>
          <ul class="gallery">
            {(confusion.cells[open.truth]?.[open.predicted] ?? []).map((index) => (
              <li key={index}>
                <button
                  type="button"
                  class="thumb"
                  aria-label={t('picker.test', { n: index })}
                  onClick={() => {
                    setOpen(undefined);
                    onLook(index);
                    document.getElementById('try-title')?.scrollIntoView({ block: 'start' });
                  }}
                >
                  <img src={imageUrl(id, index)} alt="" width="72" height="72" loading="lazy" />
                </button>
              </li>
            ))}
          </ul>
        </Dialog>
      )}
    </>
  );
}
