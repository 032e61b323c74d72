import type { Locator, Page } from 'playwright-core';
import type { Hand } from './hand.js';

/** What one asks of a folder of runs every day, and how each program is asked. */
export interface Question {
  readonly asks: string;
  /** Ends when the answer is on the page; throws if it is not. */
  readonly ours: (hand: Hand) => Promise<void>;
  /** Undefined: TensorBoard does not show it. */
  readonly theirs: ((hand: Hand) => Promise<void>) | undefined;
}

/** The run that one looks at closely. */
export const BEST = 'lr-0.003-seed-0';

const seen = (locator: Locator): Promise<void> => locator.first().waitFor();
const plot = (page: Page, title: string): Locator => page.getByRole('group', { name: title, exact: true });
const openRun = (hand: Hand): Promise<void> =>
  hand.click(hand.page.getByRole('link', { name: BEST, exact: true }));

/** A card of TensorBoard, found by a filter, since only the first groups are open. */
async function card(hand: Hand, tag: string): Promise<Locator> {
  const { page } = hand;
  await hand.type(page.locator('metrics-tag-filter input'), tag);
  const found = page.locator('metrics-filtered-view card-view').first();
  await found.waitFor();
  await found.scrollIntoViewIfNeeded();
  return found;
}

/** The settings of all runs, in TensorBoard's tab HParams, those that differ first. */
async function settingsShown(hand: Hand): Promise<Locator> {
  await hand.click(hand.page.getByRole('tab', { name: 'HParams' }));
  const table = hand.page.locator('tf-hparams-table-view');
  await seen(table.getByText('lr-0.003-seed-1', { exact: true }));
  return table;
}

const drawn = (of: Locator): Locator => of.locator('line-chart canvas, line-chart svg path');

export const QUESTIONS: readonly Question[] = [
  {
    asks: 'How is the loss of every run going?',
    ours: ({ page }) => seen(plot(page, 'Training loss').locator('canvas')),
    theirs: async (hand) => seen(drawn(await card(hand, 'train/loss'))),
  },
  {
    asks: 'Which learning rate was best?',
    ours: async (hand) => {
      await hand.click(hand.page.getByRole('button', { name: 'Best accuracy' }));
      // The rate stands in the first row.
      await seen(
        hand.page
          .locator('tbody tr')
          .first()
          .locator('td.col-own', { hasText: /^lr 0\.\d+$/ }),
      );
    },
    theirs: async (hand) => {
      const table = await settingsShown(hand);
      // Only the first metrics are columns.
      const choices = hand.page.locator('tf-hparams-query-pane');
      await hand.click(
        choices.locator('.metric-checkbox, paper-checkbox').filter({ hasText: 'epoch/testAccuracy' }).first(),
      );
      await seen(table.getByText('epoch/testAccuracy'));
    },
  },
  {
    asks: 'In which settings do two runs differ?',
    ours: async (hand) => {
      await seen(hand.page.locator('th.col-own', { hasText: 'lr' }));
      await seen(hand.page.locator('th.col-own', { hasText: 'seed' }));
    },
    theirs: async (hand) => {
      await settingsShown(hand);
    },
  },
  {
    asks: 'What did the worst class look like?',
    ours: async (hand) => {
      await openRun(hand);
      await hand.click(hand.page.getByRole('link', { name: 'Try it' }));
      await hand.click(hand.page.getByRole('button', { name: 'Compute' }));
      const wrong = hand.page.locator('table.confusion td:not(.diagonal) button:not(:disabled)');
      await hand.click(wrong.first());
      await seen(hand.page.getByRole('dialog').locator('img'));
    },
    theirs: undefined,
  },
  {
    asks: 'Does the best run learn its training images by heart (training beside test accuracy)?',
    ours: async (hand) => {
      await openRun(hand);
      await seen(plot(hand.page, 'Accuracy').locator('canvas'));
    },
    theirs: async (hand) => {
      await card(hand, 'epoch/t.*Accuracy');
      await seen(drawn(hand.page.locator('metrics-filtered-view card-view').nth(1)));
    },
  },
  {
    asks: 'What happened in the middle third of the loss?',
    ours: async (hand) => {
      const over = plot(hand.page, 'Training loss').locator('.u-over');
      await seen(over);
      await hand.drag(over, 0.33, 0.66);
      await hand.page.waitForURL(/from=/);
    },
    theirs: async (hand) => {
      const found = await card(hand, 'train/loss');
      await hand.drag(found.locator('line-chart .series-view').first(), 0.33, 0.66);
    },
  },
  {
    asks: 'Is the loss still falling below its noise?',
    ours: async (hand) => {
      await seen(plot(hand.page, 'Training loss').locator('canvas'));
      await hand.slide(hand.page.getByRole('slider').first(), '75');
      await hand.page.waitForURL(/smooth=75/);
    },
    theirs: async (hand) => {
      await card(hand, 'train/loss');
      await hand.slide(
        hand.page.locator('metrics-dashboard-settings-component mat-slider input').first(),
        '0.9',
      );
    },
  },
  {
    asks: 'Which run is ahead by time rather than by steps?',
    ours: async (hand) => {
      await hand.pick(hand.page.getByLabel('X axis'), 'Time since start');
      await hand.page.waitForURL(/x=time/);
      await seen(plot(hand.page, 'Training loss').locator('canvas'));
    },
    theirs: async (hand) => {
      await card(hand, 'train/loss');
      const list = hand.page.locator('metrics-dashboard-settings-component tb-dropdown').first();
      await hand.click(list);
      await hand.click(hand.page.getByRole('option', { name: 'Relative' }));
    },
  },
  {
    asks: 'How did the filters of the first layer form?',
    ours: async (hand) => {
      await openRun(hand);
      await seen(hand.page.locator('canvas.kernels'));
      await hand.slide(hand.page.locator('.player input[type=range]'), '0');
    },
    theirs: async (hand) => {
      const found = await card(hand, 'kernels');
      await seen(found.locator('img'));
      await hand.slide(found.locator('mat-slider input').first(), '0');
    },
  },
  {
    asks: 'The loss of one run as numbers (CSV)?',
    ours: async (hand) => {
      await openRun(hand);
      const figure = hand.page.locator('figure', { has: plot(hand.page, 'Training loss') });
      await hand.click(figure.getByText('Save this chart'));
      const text = await hand.save(figure.getByRole('button', { name: /CSV/ }));
      if (text.split('\n').length < 10) throw new Error(`no numbers: ${text}`);
    },
    theirs: async (hand) => {
      const found = await card(hand, 'train/loss');
      await hand.click(found.getByRole('button', { name: 'More line chart options' }));
      await hand.click(hand.page.getByRole('menuitem', { name: 'Open dialog to download data' }));
      await hand.pick(hand.page.locator('data_download_dialog_component select'), BEST);
      // Version 2.21 downloads nothing here: the link has no address.
      await hand.click(hand.page.locator('data_download_dialog_component a[download$=".csv"]'));
    },
  },
];
