// A cache of bytes with a budget in bytes; what was used longest ago goes first. A Map keeps the order: the first key is the oldest.

export class ByteLru {
  readonly #entries = new Map<number, Uint8Array>();
  readonly #onDropped: (bytes: Uint8Array) => void;
  #budgetBytes: number;
  #heldBytes = 0;

  /** `onDropped` hears of all bytes that are kept no longer. */
  constructor(budgetBytes: number, onDropped: (bytes: Uint8Array) => void) {
    this.#budgetBytes = budgetBytes;
    this.#onDropped = onDropped;
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

  /** Keeps the bytes, unless they alone are over the budget (false). */
  set(key: number, bytes: Uint8Array): boolean {
    this.#delete(key);
    if (bytes.byteLength > this.#budgetBytes) return false;
    this.#evictTo(this.#budgetBytes - bytes.byteLength);
    this.#entries.set(key, bytes);
    this.#heldBytes += bytes.byteLength;
    return true;
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
    const bytes = this.#entries.get(key);
    if (bytes === undefined) return;
    this.#heldBytes -= bytes.byteLength;
    this.#entries.delete(key);
    this.#onDropped(bytes);
  }
}
