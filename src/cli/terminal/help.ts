import { Help } from 'commander';

/** Minimum width for a description beside its option; below it, the description goes under the option. */
const BESIDE = 36;
/** Texts are wrapped down to this width. */
const LEAST = 16;
const INDENT = ' '.repeat(6);
const plain = new Help();

/** Help that stays readable in a narrow terminal, where commander would not wrap at all. */
export const HELP: Partial<Help> = {
  minWidthToWrap: LEAST,
  formatItem(term, termWidth, description, helper) {
    const width = helper.helpWidth ?? 80;
    if (description === '' || width - termWidth - 4 >= BESIDE)
      return plain.formatItem.call(helper, term, termWidth, description, helper);
    const lines = helper.boxWrap(description, width - INDENT.length).split('\n');
    return [`  ${term}`, ...lines.map((line) => INDENT + line)].join('\n');
  },
};
