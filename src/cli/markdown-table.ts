// Tables for people, which are tables in Markdown too.

/** The first column is text, the others are numbers. */
export function markdownTable(heads: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const lines = [heads, heads.map((_, column) => (column === 0 ? '---' : '---:')), ...rows];
  return lines.map((line) => `| ${line.join(' | ')} |\n`).join('');
}
