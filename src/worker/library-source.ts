// A model file of which the header and the trunk may be stored already: reads come from the library where they can, otherwise from where the file is, and are
// stored then. Experts have records of their own and are read through here only when they are imported.

import { EngineError } from '../core/errors';
import type { Source } from '../formats/source';
import type { ModelLibrary } from '../storage/model-library';
import type { TrunkPiece } from '../storage/manifest';

export class LibrarySource implements Source {
  readonly name: string;
  readonly identity: string;
  readonly sizeBytes: number;
  readonly #library: ModelLibrary;
  readonly #header: Uint8Array;
  readonly #pieces: ReadonlyMap<number, TrunkPiece>;
  /** Names of pieces that need not be looked for elsewhere. */
  readonly #stored: ReadonlySet<string>;
  readonly #origin: Source | undefined;
  #canStore = true;

  private constructor(library: ModelLibrary, header: Uint8Array, stored: ReadonlySet<string>, origin: Source | undefined) {
    const manifest = library.manifest!;
    this.name = manifest.sourceName;
    this.identity = manifest.identity;
    this.sizeBytes = manifest.sizeBytes;
    this.#library = library;
    this.#header = header;
    this.#pieces = new Map(manifest.layout.trunk.map((piece) => [piece.offsetBytes, piece]));
    this.#stored = stored;
    this.#origin = origin;
  }

  /** `library` has a manifest. Without `origin` the network is gone and everything must be stored. */
  static async open(library: ModelLibrary, header: Uint8Array, origin: Source | undefined): Promise<LibrarySource> {
    // A store that fails is no reason to fail: the file has the bytes too.
    const stored = await library.storedTrunk().catch(() => new Set<string>());
    return new LibrarySource(library, header, stored, origin);
  }

  async read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    if (offset + length <= this.#header.byteLength) return this.#header.slice(offset, offset + length);
    if (offset < this.#header.byteLength && !this.#origin) return this.#readBeyondHeader(offset, length);
    const piece = this.#pieces.get(offset);
    if (piece?.sizeBytes !== length) return this.#readOrigin(offset, length, signal);
    const stored = this.#stored.has(piece.name) ? await this.#readStored(piece.name) : undefined;
    if (stored) return stored;
    const bytes = await this.#readOrigin(offset, length, signal);
    await this.#store(piece.name, bytes);
    return bytes;
  }

  async close(): Promise<void> {
    this.#library.close();
    await this.#origin?.close?.();
  }

  async #readStored(name: string): Promise<Uint8Array | undefined> {
    const [stored] = await this.#library.readTrunk([name]).catch(() => []);
    return stored?.status === 'found' ? stored.payload : undefined;
  }

  /** Whoever reads a header asks for more than it has, not knowing its length, and never looks at what follows: without the file, zeros will do. */
  #readBeyondHeader(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    bytes.set(this.#header.subarray(offset));
    return bytes;
  }

  #readOrigin(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    if (this.#origin) return this.#origin.read(offset, length, signal);
    throw new EngineError(
      'source-network',
      `A part of ${this.name} is not stored here, and its server does not answer.`,
      'Connect to the network and load the model again.',
    );
  }

  async #store(name: string, bytes: Uint8Array): Promise<void> {
    if (!this.#canStore) return;
    try {
      await this.#library.writeTrunk([[name, bytes]]);
    } catch {
      this.#canStore = false; // no room: the model runs without being stored, and the expert tiers tell the user so
    }
  }
}
