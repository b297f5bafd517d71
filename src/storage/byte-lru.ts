// A cache of bytes with a budget in bytes; what was used longest ago goes first. A Map keeps the order: the first key is the oldest.

export class ByteLru {
  readonly #entries = new Map<number, Uint8Array>();
  #budgetBytes: number;
  #heldBytes = 0;

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  get count(): number {
    return this.#entries.size;
  }

  has(key: number): boolean {
    return this.#entries.has(key);
  }

  /** The bytes; their age stays. */
  peek(key: number): Uint8Array | undefined {
    return this.#entries.get(key);
  }

  /** The bytes, as the most recently used. */
  get(key: number): Uint8Array | undefined {
    const bytes = this.#entries.get(key);
    if (bytes === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, bytes);
    return bytes;
  }

  /** Keeps the bytes, unless they alone are over the budget. */
  set(key: number, bytes: Uint8Array): void {
    this.#delete(key);
    if (bytes.byteLength > this.#budgetBytes) return;
    this.#evictTo(this.#budgetBytes - bytes.byteLength);
    this.#entries.set(key, bytes);
    this.#heldBytes += bytes.byteLength;
  }

  setBudget(budgetBytes: number): void {
    this.#budgetBytes = budgetBytes;
    this.#evictTo(budgetBytes);
  }

  clear(): void {
    this.#entries.clear();
    this.#heldBytes = 0;
  }

  #evictTo(targetBytes: number): void {
    for (const key of this.#entries.keys()) {
      if (this.#heldBytes <= targetBytes) return;
      this.#delete(key);
    }
  }

  #delete(key: number): void {
    this.#heldBytes -= this.#entries.get(key)?.byteLength ?? 0;
    this.#entries.delete(key);
  }
}
