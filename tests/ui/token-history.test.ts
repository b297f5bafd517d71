import { expect, test } from 'vitest';
import type { GeneratedToken } from '../../src/core/api';
import { MAX_TOKENS_KEPT, surprise, TokenHistory } from '../../src/ui/model/token-history';
import { frameOf } from '../support/routing-frames';

const token = (index: number, id = 100 + index, promptLength = 5): GeneratedToken => ({
  id,
  text: `t${index}`,
  logprob: -1,
  index,
  position: promptLength + index,
});
const decode = (position: number, id: number, expert = 1) =>
  frameOf({
    layerCount: 2,
    expertCount: 8,
    routes: [
      [
        [expert, 2],
        [3, 4],
      ],
    ],
    position,
    tokenIds: [id],
    missed: [4],
  });
const prefill = (length: number) =>
  frameOf({
    layerCount: 2,
    expertCount: 8,
    routes: Array.from({ length }, () => [
      [0, 1],
      [0, 1],
    ]),
    phase: 'prefill',
  });

test('a token has no route until it is fed, whichever of the two comes first', () => {
  const history = new TokenHistory();
  history.addTokens([token(0)]);
  expect(history.route(token(0))).toBeUndefined();
  history.addFrame(decode(5, 100));
  expect(history.route(token(0))).toEqual([
    [
      { expert: 1, weight: 0.5, tier: 'gpu' },
      { expert: 2, weight: expect.closeTo(1 / 3) as number, tier: 'gpu' },
    ],
    [
      { expert: 3, weight: 0.5, tier: 'gpu' },
      { expert: 4, weight: expect.closeTo(1 / 3) as number, tier: 'disk' },
    ],
  ]);
  history.addFrame(decode(6, 101));
  history.addTokens([token(1)]);
  expect(history.hasRoute(token(1))).toBe(true);
});

test('a route of another token at the same position is not shown', () => {
  const history = new TokenHistory();
  history.addFrame(decode(5, 999));
  history.addTokens([token(0)]);
  expect(history.hasRoute(token(0))).toBe(false);
});

test('a new prompt drops the routes behind it, a new answer the tokens', () => {
  const history = new TokenHistory();
  history.addTokens([token(0), token(1)]);
  history.addFrame(decode(5, 100));
  history.addFrame(decode(6, 101));
  history.addFrame(prefill(6));
  expect(history.hasRoute(token(0))).toBe(true);
  expect(history.hasRoute(token(1))).toBe(false);
  history.addTokens([token(0, 100, 6)]);
  expect(history.tokens).toHaveLength(1);
});

test('the later route of a token fed twice counts', () => {
  const history = new TokenHistory();
  history.addFrame(decode(5, 100, 1));
  history.addFrame(decode(5, 100, 7));
  expect(history.route(token(0))?.[0]?.[0]?.expert).toBe(7);
});

test('keeps no more than its maximum of tokens and routes', () => {
  const history = new TokenHistory();
  for (let index = 0; index < MAX_TOKENS_KEPT + 10; index++) {
    history.addTokens([token(index)]);
    history.addFrame(decode(5 + index, 100 + index));
  }
  expect(history.tokens).toHaveLength(MAX_TOKENS_KEPT);
  expect(history.isTruncated).toBe(true);
  expect(history.tokens[0]?.index).toBe(10);
  expect(history.hasRoute(token(9))).toBe(false);
  expect(history.hasRoute(token(10))).toBe(true);
});

test('surprise runs from certain to unlikely', () => {
  expect(surprise(0)).toBe(0);
  expect(surprise(-2)).toBe(0.5);
  expect(surprise(-40)).toBe(1);
});
