import type { Locator, Page } from 'playwright-core';

/** A person at a page: counts what the hand does. Looking, hovering and scrolling are free. */
export class Hand {
  clicks = 0;

  constructor(readonly page: Page) {}

  async click(target: Locator): Promise<void> {
    this.clicks++;
    await target.click();
  }

  /** A click into a field, and words. */
  async type(target: Locator, words: string): Promise<void> {
    this.clicks++;
    await target.fill(words);
  }

  /** Opens a list and picks an entry. */
  async pick(target: Locator, label: string): Promise<void> {
    this.clicks += 2;
    await target.selectOption({ label });
  }

  /** Moves a slider, which is one drag. */
  async slide(target: Locator, value: string): Promise<void> {
    this.clicks++;
    await target.evaluate((input, to) => {
      const field = input as unknown as { value: string; dispatchEvent(event: Event): void };
      field.value = to;
      field.dispatchEvent(new Event('input', { bubbles: true }));
      field.dispatchEvent(new Event('change', { bubbles: true }));
    }, value);
  }

  /** Drags over a part of a drawing, by shares of its width. */
  async drag(target: Locator, from: number, to: number): Promise<void> {
    this.clicks++;
    await target.scrollIntoViewIfNeeded();
    const box = (await target.boundingBox())!;
    const y = box.y + box.height / 2;
    await this.page.mouse.move(box.x + from * box.width, y);
    await this.page.mouse.down();
    await this.page.mouse.move(box.x + ((from + to) / 2) * box.width, y, { steps: 4 });
    await this.page.mouse.move(box.x + to * box.width, y, { steps: 4 });
    await this.page.mouse.up();
  }

  /** Clicks what downloads a file. @returns its text */
  async save(target: Locator): Promise<string> {
    const [download] = await Promise.all([this.page.waitForEvent('download'), this.click(target)]);
    const stream = await download.createReadStream();
    let text = '';
    for await (const part of stream) text += part;
    return text;
  }
}
