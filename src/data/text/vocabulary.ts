import { isInteger, shown } from '../../errors/arguments.js';
import { DataError, UsageError } from '../../errors/errors.js';
import { Tensor } from '../../tensor/tensor.js';

/** The characters of a text, numbered from 0 by code point. */
export class Vocabulary {
  readonly characters: readonly string[];
  readonly #ids: ReadonlyMap<string, number>;

  /** @param characters single characters (code points), each once; their place is their id */
  constructor(characters: readonly string[]) {
    if (!Array.isArray(characters) || characters.length === 0)
      throw new UsageError({
        what: 'Vocabulary got no characters',
        expected: "a list such as ['a', 'b', ' ']",
        got: shown(characters),
      });
    const ids = new Map<string, number>();
    for (const [i, character] of (characters as readonly unknown[]).entries()) {
      if (typeof character !== 'string' || [...character].length !== 1 || ids.has(character))
        throw new UsageError({
          what: 'Vocabulary got a bad character',
          expected: 'single characters, each once',
          got: `${shown(character)} at position ${i}`,
        });
      ids.set(character, i);
    }
    this.characters = [...characters];
    this.#ids = ids;
  }

  /** The distinct characters of a text, by code point. @throws DataError for an empty text */
  static of(text: string): Vocabulary {
    const characters = [...new Set(text)].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
    if (characters.length === 0) throw new DataError({ what: 'the text is empty', expected: 'characters' });
    return new Vocabulary(characters);
  }

  /** Number of characters. */
  get size(): number {
    return this.characters.length;
  }

  /** The id of each character. @throws DataError for a character that is not in the vocabulary */
  encode(text: string): Int32Array {
    if (typeof text !== 'string')
      throw new UsageError({ what: 'encode takes text', expected: 'a string', got: shown(text) });
    const ids: number[] = [];
    for (const character of text) {
      const id = this.#ids.get(character);
      if (id === undefined)
        throw new DataError({
          what: `the vocabulary lacks the character ${JSON.stringify(character)}`,
          expected: `one of its ${this.size} characters`,
          got: `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')} at position ${ids.length}`,
          next: 'make the vocabulary from all texts: Vocabulary.of(training + test)',
        });
      ids.push(id);
    }
    return Int32Array.from(ids);
  }

  /** The text of ids. @throws UsageError for an id out of range */
  decode(ids: ArrayLike<number>): string {
    if (!Array.isArray(ids) && !ArrayBuffer.isView(ids))
      throw new UsageError({
        what: 'Vocabulary.decode got no list of ids',
        expected: 'an array of whole numbers',
        got: shown(ids),
        ...(ids instanceof Tensor ? { next: 'read it with await tensor.data() first' } : {}),
      });
    const parts: string[] = [];
    for (let i = 0; i < ids.length; i++) {
      const id: unknown = ids[i];
      const character = isInteger(id) ? this.characters[id] : undefined;
      if (character === undefined)
        throw new UsageError({
          what: 'the vocabulary has no such id',
          expected: `a whole number from 0 to ${this.size - 1}`,
          got: `${shown(id)} at position ${i}`,
        });
      parts.push(character);
    }
    return parts.join('');
  }
}
