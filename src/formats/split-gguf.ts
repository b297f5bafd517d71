// A model in several files, as llama.cpp's gguf-split writes them: name-00001-of-00003.gguf and so on. The first has the metadata and, like the others, some of
// the tensors with a header of its own. Put together they are one source, which reads as if the model had never been split: a header made of all headers, then
// the weights of one file after the other. Nothing else knows of parts.

import { defined } from '../core/assert';
import { EngineError } from '../core/errors';
import { roundUp } from '../core/units';
import { type GgufHeader, type GgufTensor, readGgufHeader } from './gguf';
import { assertRange } from './source-range';
import type { Source } from './source';

interface Part {
  readonly source: Source;
  readonly header: GgufHeader;
}

/** The number and the count in the name of a file or an address, five digits each. */
const PART_NAME = /-(\d{5})-of-(\d{5})\.gguf(?=$|[?#])/i;

/** Opens the file of that name and, if it is a part, whichever it is, all other parts beside it. Rejects with what `open` and the reader reject with. */
export async function openWithParts(name: string, open: (name: string) => Promise<Source>, signal?: AbortSignal): Promise<Source> {
  const named = await open(name);
  const [, number = '', count = ''] = PART_NAME.exec(name) ?? [];
  if (Number(count) < 2) return named;
  const opened = [named];
  try {
    // Its name may say so although it is a whole file.
    if (!(await readGgufHeader(named, signal)).split) return named;
    const others = Array.from({ length: Number(count) }, (_, index) => String(index + 1).padStart(5, '0')).filter((other) => other !== number);
    const results = await Promise.allSettled(
      others.map(async (other) => opened.push(await openOther(open, name.replace(PART_NAME, `-${other}-of-${count}.gguf`), Number(other), Number(count)))),
    );
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    return await joinParts(opened, signal);
  } catch (thrown) {
    await Promise.all(opened.map(async (source) => source.close?.()));
    throw thrown;
  }
}

async function openOther(open: (name: string) => Promise<Source>, name: string, number: number, count: number): Promise<Source> {
  try {
    return await open(name);
  } catch (thrown) {
    const error = EngineError.from(thrown);
    if (error.code !== 'source-not-found') throw error;
    throw new EngineError('source-not-found', `Part ${number} of ${count} of the model is missing: there is no ${name}.`, 'Put all parts in one place.', error);
  }
}

/** One source of all parts of a model, in any order. Closing it closes them. */
export async function joinParts(sources: readonly Source[], signal?: AbortSignal): Promise<Source> {
  const parts = await Promise.all(sources.map(async (source): Promise<Part> => ({ source, header: await readGgufHeader(source, signal) })));
  return new JoinedSource(inOrder(parts));
}

/** Throws unless these are all parts of one model. */
function inOrder(parts: readonly Part[]): readonly Part[] {
  const whole = parts.find(({ header }) => !header.split);
  if (whole) {
    throw new EngineError(
      'invalid-argument',
      `${parts.length} files were given, and ${whole.source.name} is a model by itself.`,
      'Give one .gguf file, or all parts of one model.',
    );
  }
  const count = defined(parts[0]?.header.split).count;
  const places = new Map<number, Part>();
  for (const part of parts) {
    const split = defined(part.header.split);
    if (split.count !== count) throw mismatch(`${part.source.name} is of a model of ${split.count} parts, and another of one of ${count}`);
    const other = places.get(split.index);
    if (other) throw mismatch(`${other.source.name} and ${part.source.name} are both part ${split.index + 1}`);
    places.set(split.index, part);
  }
  return Array.from({ length: count }, (_, index) => {
    const part = places.get(index);
    if (part) return part;
    throw new EngineError('source-not-found', `Part ${index + 1} of ${count} of the model is missing.`, 'Choose all parts of the model at once.');
  });
}

interface Segment {
  readonly startBytes: number;
  readonly sizeBytes: number;
  readonly read: (offset: number, length: number, signal?: AbortSignal) => Promise<Uint8Array>;
}

class JoinedSource implements Source {
  readonly name: string;
  readonly identity: string;
  readonly sizeBytes: number;
  readonly #parts: readonly Part[];
  readonly #segments: readonly Segment[];

  constructor(parts: readonly Part[]) {
    this.#parts = parts;
    this.name = defined(parts[0]).source.name;
    this.identity = parts.map(({ source }) => source.identity).join('\n');
    const { header, starts, sizeBytes } = joinHeaders(parts);
    this.sizeBytes = sizeBytes;
    this.#segments = [
      { startBytes: 0, sizeBytes: header.byteLength, read: async (offset, length) => header.slice(offset, offset + length) },
      ...parts.map(({ source, header: { file } }, index) => ({
        startBytes: defined(starts[index]),
        sizeBytes: weightBytes(file),
        read: (offset: number, length: number, signal?: AbortSignal) => source.read(file.dataStartBytes + offset, length, signal),
      })),
    ];
  }

  async read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    assertRange(this, offset, length);
    const pieces = this.#segments.flatMap(({ startBytes, sizeBytes, read }) => {
      const [from, to] = [Math.max(offset, startBytes), Math.min(offset + length, startBytes + sizeBytes)];
      return from < to ? [{ from, to, read: () => read(from - startBytes, to - from, signal) }] : [];
    });
    const [only] = pieces;
    if (only && only.to - only.from === length) return only.read();
    // Over the border of two parts: only headers are read so. Between parts there may be padding.
    const bytes = new Uint8Array(length);
    await Promise.all(pieces.map(async ({ from, read }) => bytes.set(await read(), from - offset)));
    return bytes;
  }

  async close(): Promise<void> {
    await Promise.all(this.#parts.map(async ({ source }) => source.close?.()));
  }
}

function weightBytes({ sizeBytes, dataStartBytes }: GgufHeader['file']): number {
  return Math.max(0, sizeBytes - dataStartBytes);
}

/** The metadata of the first part, in which the count of parts becomes one, and the tensors of all. `starts`: where the weights of each part are then. */
function joinHeaders(parts: readonly Part[]): { header: Uint8Array; starts: readonly number[]; sizeBytes: number } {
  const first = defined(parts[0]).header;
  const { alignmentBytes } = first.file;
  const split = defined(first.split);
  const tensors = parts.map(({ header }) => [...header.file.tensors.values()]);
  const tensorCount = tensors.flat().length;
  if (tensorCount !== split.tensorCount) throw mismatch(`its parts have ${tensorCount} tensors, and should have ${split.tensorCount}`);
  const listBytes = tensors.flat().reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
  const header = new Uint8Array(first.tensorListStartBytes + listBytes);
  const dataStartBytes = roundUp(header.byteLength, alignmentBytes);
  const starts: number[] = [];
  let endBytes = dataStartBytes;
  for (const { header: part } of parts) {
    starts.push(roundUp(endBytes, alignmentBytes));
    endBytes = roundUp(endBytes, alignmentBytes) + weightBytes(part.file);
  }
  const { startBytes, bytes } = first.bytes.partWith(0, first.tensorListStartBytes);
  header.set(bytes.subarray(startBytes, first.tensorListStartBytes));
  const view = new DataView(header.buffer);
  view.setBigUint64(8, BigInt(tensorCount), true);
  const countOffset = defined(first.splitCountOffset);
  view.setUint8(countOffset, 1);
  if (split.count > 255) view.setUint8(countOffset + 1, 0); // so large a number has at least 16 bits
  let at = first.tensorListStartBytes;
  parts.forEach(({ header: part }, index) => {
    const moved = defined(starts[index]) - dataStartBytes - part.file.dataStartBytes;
    for (const tensor of defined(tensors[index])) at = writeTensor(header, view, at, tensor, tensor.offsetBytes + moved);
  });
  return { header, starts, sizeBytes: endBytes };
}

const utf8 = new TextEncoder();

function tensorBytes({ name, dimensions }: GgufTensor): number {
  return 8 + utf8.encode(name).byteLength + 4 + 8 * dimensions.length + 4 + 8;
}

function writeTensor(header: Uint8Array, view: DataView, start: number, { name, dimensions, type }: GgufTensor, offsetBytes: number): number {
  const nameBytes = utf8.encode(name);
  view.setBigUint64(start, BigInt(nameBytes.byteLength), true);
  header.set(nameBytes, start + 8);
  let at = start + 8 + nameBytes.byteLength;
  view.setUint32(at, dimensions.length, true);
  dimensions.forEach((dimension, index) => view.setBigUint64(at + 4 + 8 * index, BigInt(dimension), true));
  at += 4 + 8 * dimensions.length;
  view.setUint32(at, type.id, true);
  view.setBigUint64(at + 4, BigInt(offsetBytes), true);
  return at + 12;
}

function mismatch(problem: string): EngineError {
  return new EngineError('file-corrupt', `The parts of the model do not belong together: ${problem}.`, 'Get all parts from the same place again.');
}
