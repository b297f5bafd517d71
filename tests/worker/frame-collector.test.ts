// Routing events merged into frames.

import { describe, expect, test } from 'vitest';
import type { RoutingEvent } from '../../src/engine/engine-core';
import { FrameCollector, MAX_WAITING_TOKENS } from '../../src/worker/frame-collector';

const SHAPE = { layerCount: 2, topK: 2, expertCount: 5 };
const ROUTES_PER_TOKEN = SHAPE.layerCount * SHAPE.topK;
const RESIDENCY = Uint8Array.from({ length: 10 }, (_, index) => index % 4);

/** An event whose numbers follow from its position, so that a mix-up shows. */
function eventAt(position: number, tokenCount = 1, phase: RoutingEvent['phase'] = 'decode'): RoutingEvent {
  const count = tokenCount * ROUTES_PER_TOKEN;
  const first = position * ROUTES_PER_TOKEN;
  return {
    phase,
    position,
    tokenIds: Array.from({ length: tokenCount }, (_, index) => 100 + position + index),
    routes: {
      tokenCount,
      expertIds: Uint16Array.from({ length: count }, (_, index) => (first + index) % 5),
      weights: Float32Array.from({ length: count }, (_, index) => first + index),
    },
    tiers: Uint8Array.from({ length: count }, (_, index) => (first + index) % 4),
  };
}

function collector(): FrameCollector {
  return new FrameCollector(SHAPE, () => RESIDENCY);
}

const positionsOf = (frame: { readonly positions: Uint32Array }) => [...frame.positions];

describe('a frame', () => {
  test('holds consecutive events one after the other', () => {
    const frames = collector();
    frames.add(eventAt(7));
    frames.add(eventAt(8));
    frames.add(eventAt(9));
    const { weights, expertIds, tiers, residency, ...frame } = frames.take();
    expect(frame).toEqual({
      ...{ sequence: 0, phase: 'decode', tokenCount: 3, layerCount: 2, expertsPerToken: 2, expertCount: 5 },
      positions: Uint32Array.of(7, 8, 9),
      tokenIds: Uint32Array.of(107, 108, 109),
    });
    expect([...weights]).toEqual(Array.from({ length: 12 }, (_, index) => 28 + index));
    expect([...expertIds]).toEqual(Array.from({ length: 12 }, (_, index) => (28 + index) % 5));
    expect([...tiers]).toEqual(Array.from({ length: 12 }, (_, index) => (28 + index) % 4));
    expect(residency).toBe(RESIDENCY);
    expect(frames.isEmpty).toBe(true);
  });

  test('counts positions on within an event of several tokens', () => {
    const frames = collector();
    frames.add(eventAt(0, 3, 'prefill'));
    frames.add(eventAt(3, 2, 'prefill'));
    const frame = frames.take();
    expect([frame.phase, frame.tokenCount, positionsOf(frame)]).toEqual(['prefill', 5, [0, 1, 2, 3, 4]]);
    expect([...frame.weights]).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  test('is of one phase; the next takes what follows, and sequence numbers rise by one', () => {
    const frames = collector();
    for (const event of [eventAt(0, 4, 'prefill'), eventAt(4), eventAt(5), eventAt(0, 2, 'prefill')]) frames.add(event);
    const taken = [frames.take(), frames.take(), frames.take()];
    expect(taken.map(({ phase, sequence, tokenCount }) => [phase, sequence, tokenCount])).toEqual([
      ['prefill', 0, 4],
      ['decode', 1, 2],
      ['prefill', 2, 2],
    ]);
    expect(frames.isEmpty).toBe(true);
  });

  test('without events has no tokens and tells where the experts are', () => {
    const frame = collector().take();
    expect(frame).toMatchObject({ sequence: 0, phase: 'decode', tokenCount: 0, residency: RESIDENCY });
    expect([frame.positions.length, frame.expertIds.length, frame.tiers.length]).toEqual([0, 0, 0]);
  });
});

describe('when nobody takes frames', () => {
  test('the oldest events are dropped beyond the limit, and taking makes room again', () => {
    const frames = collector();
    for (let position = 0; position < MAX_WAITING_TOKENS + 10; position++) frames.add(eventAt(position));
    const frame = frames.take();
    expect(frame.tokenCount).toBe(MAX_WAITING_TOKENS);
    expect([frame.positions[0], frame.positions.at(-1)]).toEqual([10, MAX_WAITING_TOKENS + 9]);
    for (let position = 0; position < MAX_WAITING_TOKENS; position++) frames.add(eventAt(position));
    expect(frames.take().positions[0]).toBe(0);
  });

  test('an event larger than the limit is kept whole', () => {
    const frames = collector();
    frames.add(eventAt(0));
    frames.add(eventAt(1, MAX_WAITING_TOKENS + 1));
    expect(frames.take().tokenCount).toBe(MAX_WAITING_TOKENS + 1);
  });
});
