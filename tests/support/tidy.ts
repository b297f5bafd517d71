// Parts of tests/tidy.test.ts that have tests of their own: a rule that finds nothing must be known to find something.

export interface Rule {
  readonly words: readonly string[];
  /** Whether the rule holds for a file, by its path. */
  readonly in: (file: string) => boolean;
}

export function isBanned(rule: Rule, file: string, text: string): boolean {
  return rule.in(file) && rule.words.some((word) => text.includes(word));
}

/** What a module imports or re-exports at load, types included; and what it imports later or hands to a worker. */
export function importsOf(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  const patterns = [
    /^\s*(?:import|export)\s[^'";]*?from\s*['"]([^'"]+)['"]/gm,
    /^\s*import\s*['"]([^'"]+)['"]/gm,
    /\bimport\(\s*['"]([^'"]+)['"]/g,
    /new URL\(\s*['"]([^'"]+)['"]\s*,\s*import\.meta\.url/g,
  ];
  return patterns.flatMap((pattern) => [...code.matchAll(pattern)].flatMap((match) => match[1] ?? []));
}

/** The text from the first thing that is not an import. */
export function withoutImports(text: string): string {
  return text.replace(/^(\s*import\s[^;]*;)*\s*/, '');
}
