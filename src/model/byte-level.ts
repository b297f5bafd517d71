// Byte-level BPE writes tokens as text in which each byte is one printable character (GPT-2's bytes_to_unicode): printable Latin-1 stands for itself, the
// other 68 bytes are moved to U+0100 and up, so that a space is "Ġ" and a line feed "Ċ".

const PRINTABLE: ReadonlyArray<readonly [first: number, last: number]> = [
  [0x21, 0x7e],
  [0xa1, 0xac],
  [0xae, 0xff],
];

/** [byte] → its character. */
export const BYTE_CHARACTERS: readonly string[] = (() => {
  let moved = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(PRINTABLE.some(([first, last]) => byte >= first && byte <= last) ? byte : moved++));
})();

const BYTE_OF: ReadonlyMap<string, number> = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]));

const utf8 = new TextEncoder();

/** The bytes that a token stands for. A character that is no byte's counts as itself, in UTF-8. */
export function bytesOfToken(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const byte = BYTE_OF.get(character);
    if (byte === undefined) bytes.push(...utf8.encode(character));
    else bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}
