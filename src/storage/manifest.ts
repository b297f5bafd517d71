// What a stored model says about itself, as JSON. Read back, every field is checked: a manifest that is not exactly right counts as none.

/** Changes when this file's format does. */
export const MANIFEST_VERSION = 1;

const MAX_LAYER_COUNT = 4096;
const MAX_EXPERTS_PER_LAYER = 65_536;
const MAX_TRUNK_PIECE_COUNT = 262_144;
const MAX_TEXT_LENGTH = 65_536;

/** Bytes of the model file that belong to the trunk: a tensor, or a piece of a large one. */
export interface TrunkPiece {
  readonly name: string;
  /** From the start of the file. */
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/** How the model is cut into records. */
export interface StoredLayout {
  /** Names the way weights are repacked; records of another version are worthless. */
  readonly version: string;
  /** [layer] routed experts; 0 for a dense layer. */
  readonly expertCounts: readonly number[];
  /** [layer] payload bytes of one expert's record. */
  readonly expertBytes: readonly number[];
  readonly trunk: readonly TrunkPiece[];
}

export interface ModelManifest {
  readonly version: typeof MANIFEST_VERSION;
  /** Source.identity of the model file. */
  readonly identity: string;
  /** Source.name of the model file: how it is found again without a network. */
  readonly sourceName: string;
  /** What the model calls itself. */
  readonly modelName?: string;
  /** Of the model file. */
  readonly sizeBytes: number;
  readonly layout: StoredLayout;
  /** Everything is stored: the model needs no network. */
  readonly complete: boolean;
  /** Milliseconds since 1970, by the clock of the caller. */
  readonly createdAt: number;
  readonly lastUsedAt: number;
}

export function encodeManifest(manifest: ModelManifest): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(manifest));
}

/** Undefined when the bytes are not a manifest of this version. Unknown fields are dropped. */
export function decodeManifest(bytes: Uint8Array): ModelManifest | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
  if (!isObject(value) || value['version'] !== MANIFEST_VERSION) return undefined;
  const { identity, sourceName, modelName, sizeBytes, complete, createdAt, lastUsedAt } = value;
  const layout = readLayout(value['layout']);
  if (!isText(identity) || !isText(sourceName) || !isCount(sizeBytes) || typeof complete !== 'boolean') return undefined;
  if (!isTime(createdAt) || !isTime(lastUsedAt) || layout === undefined) return undefined;
  return { version: MANIFEST_VERSION, identity, sourceName, ...(isText(modelName) && { modelName }), sizeBytes, layout, complete, createdAt, lastUsedAt };
}

function readLayout(value: unknown): StoredLayout | undefined {
  if (!isObject(value)) return undefined;
  const { version, expertCounts, expertBytes, trunk } = value;
  if (!isText(version) || !isCounts(expertCounts, MAX_LAYER_COUNT) || !isCounts(expertBytes, MAX_LAYER_COUNT)) return undefined;
  if (expertCounts.length !== expertBytes.length || expertCounts.some((count) => count > MAX_EXPERTS_PER_LAYER)) return undefined;
  if (!Array.isArray(trunk) || trunk.length > MAX_TRUNK_PIECE_COUNT) return undefined;
  const pieces = trunk.filter(isTrunkPiece).map(({ name, offsetBytes, sizeBytes }) => ({ name, offsetBytes, sizeBytes }));
  if (pieces.length !== trunk.length || new Set(pieces.map(({ name }) => name)).size !== pieces.length) return undefined;
  return { version, expertCounts, expertBytes, trunk: pieces };
}

function isTrunkPiece(value: unknown): value is TrunkPiece {
  return isObject(value) && isText(value['name']) && value['name'] !== '' && isCount(value['offsetBytes']) && isCount(value['sizeBytes']);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TEXT_LENGTH;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isCounts(value: unknown, maxLength: number): value is readonly number[] {
  return Array.isArray(value) && value.length <= maxLength && value.every(isCount);
}
