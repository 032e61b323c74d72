import { Help } from 'commander';

/** Minimum width for a description beside its option; below it, the description goes under the option. */
const BESIDE = 36;
/** Texts are wrapped down to this width. */
const LEAST = 16;
const INDENT = ' '.repeat(6);
const plain = new Help();
plain.minWidthToWrap = LEAST;

/** A line of a list in a description: a name and the space before its text. */
const LISTED = /^ {2}\S+ +/;

/** Help that stays readable in a narrow terminal, where commander would not wrap at all. */
export const HELP: Partial<Help> = {
  minWidthToWrap: LEAST,
  /** As commander's, but further lines of a list's texts begin below the text instead of at the left margin. */
  boxWrap(text, width) {
    return text
      .split('\n')
      .map((line) => {
        const [head = ''] = LISTED.exec(line) ?? [];
        if (width - head.length < LEAST) return plain.boxWrap(line, width);
        const [first, ...rest] = plain.boxWrap(line.slice(head.length), width - head.length).split('\n');
        return [head + first, ...rest.map((part) => ' '.repeat(head.length) + part)].join('\n');
      })
      .join('\n');
  },
  formatItem(term, termWidth, description, helper) {
    const width = helper.helpWidth ?? 80;
    if (description === '' || width - termWidth - 4 >= BESIDE)
      return plain.formatItem.call(helper, term, termWidth, description, helper);
    const lines = helper.boxWrap(description, width - INDENT.length).split('\n');
    return [`  ${term}`, ...lines.map((line) => INDENT + line)].join('\n');
  },
};
