// What one answer cost: differences of counters between its beginning, the end of the prompt and its end.

import type { BackendCounters } from '../core/backend';
import type { AnswerTimes, EngineStats } from '../core/api';
import type { SupplyStats } from '../core/expert-supply';
import type { DecodeCounts } from './decode';

type LastAnswer = Pick<
  EngineStats,
  | 'promptTokens'
  | 'generatedTokens'
  | 'prefillTokensPerSecond'
  | 'decodeTokensPerSecond'
  | 'dispatchesPerToken'
  | 'readbacksPerToken'
  | 'buffersCreatedInDecode'
  | 'expertHits'
  | 'expertMisses'
  | 'halts'
  | 'missingLayers'
  | 'loads'
  | 'elapsedMs'
  | 'times'
  | 'bytesRead'
  | 'bytesUploaded'
>;

interface Reading {
  readonly timeMs: number;
  readonly counters: BackendCounters;
  readonly counts: DecodeCounts;
  readonly times: AnswerTimes;
  readonly supply: SupplyStats;
  readonly buffersByResize: number;
}

const perSecond = (count: number, milliseconds: number) => (milliseconds > 0 ? (count * 1000) / milliseconds : 0);

export class RunMeter {
  readonly #read: () => Reading;
  readonly #start: Reading;
  #decodeStart: Reading | undefined;
  #end: Reading | undefined;
  /** Tokens of the prompt that were run (not found in the KV cache). */
  prefilledTokens = 0;
  promptTokens = 0;
  generatedTokens = 0;

  constructor(read: () => Reading) {
    this.#read = read;
    this.#start = read();
  }

  beginDecode(): void {
    this.#decodeStart = this.#read();
  }

  /** The first call counts: an answer ends once. */
  end(): void {
    this.#end ??= this.#read();
  }

  report(): LastAnswer {
    const start = this.#start;
    const end = this.#end ?? this.#read();
    const decodeStart = this.#decodeStart ?? end;
    const decodeMs = end.timeMs - decodeStart.timeMs;
    const tokens = Math.max(1, this.generatedTokens);
    const inDecode = (pick: (reading: Reading) => number) => pick(end) - pick(decodeStart);
    const inAnswer = (pick: (reading: Reading) => number) => pick(end) - pick(start);
    return {
      promptTokens: this.promptTokens,
      generatedTokens: this.generatedTokens,
      prefillTokensPerSecond: perSecond(this.prefilledTokens, decodeStart.timeMs - start.timeMs),
      decodeTokensPerSecond: perSecond(this.generatedTokens, decodeMs),
      dispatchesPerToken: inDecode(({ counters }) => counters.dispatches) / tokens,
      readbacksPerToken: inDecode(({ counters }) => counters.readbacks) / tokens,
      buffersCreatedInDecode: inDecode(({ counters, buffersByResize }) => counters.buffersCreated - buffersByResize),
      expertHits: inDecode(({ counts }) => counts.hits),
      expertMisses: inDecode(({ counts }) => counts.misses),
      halts: inDecode(({ counts }) => counts.halts),
      missingLayers: inDecode(({ counts }) => counts.missingLayers),
      loads: {
        all: inDecode(({ counts }) => counts.loads),
        lookAhead: inDecode(({ counts }) => counts.lookAheadLoads),
        lookAheadUsed: inDecode(({ counts }) => counts.lookAheadUses),
      },
      elapsedMs: inAnswer(({ timeMs }) => timeMs),
      times: {
        computeMs: inAnswer(({ times }) => times.computeMs),
        haltMs: inAnswer(({ times }) => times.haltMs),
        readMs: inAnswer(({ times }) => times.readMs),
        checksumMs: inAnswer(({ times }) => times.checksumMs),
        uploadMs: inAnswer(({ times }) => times.uploadMs),
        waitMs: inAnswer(({ times }) => times.waitMs),
      },
      bytesRead: {
        ram: inAnswer(({ supply }) => supply.bytesRead.ram),
        disk: inAnswer(({ supply }) => supply.bytesRead.disk),
        network: inAnswer(({ supply }) => supply.bytesRead.network),
      },
      bytesUploaded: inAnswer(({ counters }) => counters.bytesUploaded),
    };
  }
}

export const NO_ANSWER_YET: LastAnswer = {
  promptTokens: 0,
  generatedTokens: 0,
  prefillTokensPerSecond: 0,
  decodeTokensPerSecond: 0,
  dispatchesPerToken: 0,
  readbacksPerToken: 0,
  buffersCreatedInDecode: 0,
  expertHits: 0,
  expertMisses: 0,
  halts: 0,
  missingLayers: 0,
  loads: { all: 0, lookAhead: 0, lookAheadUsed: 0 },
  elapsedMs: 0,
  times: { computeMs: 0, haltMs: 0, readMs: 0, checksumMs: 0, uploadMs: 0, waitMs: 0 },
  bytesRead: { ram: 0, disk: 0, network: 0 },
  bytesUploaded: 0,
};
