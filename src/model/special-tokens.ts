// Special tokens in text. A chat template writes them as text ("<|im_start|>"), so prompts must be searched for them; but what people type must not become
// one. Untrusted text is therefore guarded before it goes into a template: a mark after each character at which a special token would begin.

/** A noncharacter: Unicode promises that it stands for nothing, and no text to be read contains it. */
const GUARD = '\uFDD0';

export class SpecialTokens {
  readonly #ids: ReadonlyMap<string, number>;
  readonly #pattern: RegExp | undefined;
  readonly #start: RegExp | undefined;

  /** Text → id. Empty texts are left out. */
  constructor(ids: ReadonlyMap<string, number>) {
    this.#ids = ids;
    // The longest first: of two that begin at the same place the longer one counts.
    const texts = [...ids.keys()].filter((text) => text !== '').sort((a, b) => b.length - a.length);
    const either = texts.map((text) => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')).join('|');
    this.#pattern = texts.length === 0 ? undefined : new RegExp(`(${either})`, 'u');
    this.#start = texts.length === 0 ? undefined : new RegExp(`(?=${either}).`, 'gsu');
  }

  /** The text cut into special tokens (numbers) and what is between them. */
  split(text: string): Array<string | number> {
    if (!this.#pattern) return [text];
    return text.split(this.#pattern).map((piece, index) => (index % 2 === 1 ? (this.#ids.get(piece) ?? piece) : piece));
  }

  /** The text so that `split` finds nothing in it, wherever it is put between white space or punctuation. */
  guard(text: string): string {
    const clean = unguard(text);
    return this.#start ? clean.replace(this.#start, (first) => first + GUARD) : clean;
  }
}

export function unguard(text: string): string {
  return text.replaceAll(GUARD, '');
}
