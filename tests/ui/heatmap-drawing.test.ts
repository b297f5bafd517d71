import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  cellAt,
  cellRect,
  colorCells,
  HIT_FLASH_MS,
  layOutHeatmap,
  MISS_FLASH_MS,
  mixColors,
  moveCursor,
  packColor,
  paintCells,
  type CellPlace,
  type CursorMove,
  type HeatmapPalette,
} from '../../src/ui/draw/heatmap';
import { ExpertUsage } from '../../src/ui/model/expert-usage';
import { frameOf } from '../support/routing-frames';

const palette: HeatmapPalette = {
  dim: [packColor(10, 10, 10), packColor(20, 20, 20), packColor(30, 30, 30), packColor(40, 40, 40)],
  bright: [packColor(210, 0, 0), packColor(0, 210, 0), packColor(0, 0, 210), packColor(210, 210, 0)],
  hitFlash: packColor(255, 255, 255),
  missFlash: packColor(255, 0, 0),
};

const sizes = fc.record({
  layers: fc.integer({ min: 1, max: 64 }),
  experts: fc.integer({ min: 1, max: 512 }),
  width: fc.integer({ min: 120, max: 1400 }),
  ratio: fc.constantFrom(1, 1.25, 1.5, 2, 3),
});

describe('layout', () => {
  test('every cell lies inside, is found at its middle, and is at least a pixel large', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), fc.nat(), ({ layers, experts, width, ratio }, a, b) => {
        const layout = layOutHeatmap(layers, experts, width, ratio);
        const cell = { layer: a % layers, expert: b % experts };
        const rect = cellRect(layout, cell);
        expect(rect.x).toBeGreaterThanOrEqual(0);
        expect(rect.x + rect.width).toBeLessThanOrEqual(layout.width);
        expect(rect.y + rect.height).toBeLessThanOrEqual(layout.height);
        expect(Math.min(rect.width, rect.height)).toBeGreaterThanOrEqual(1);
        expect(cellAt(layout, rect.x + rect.width / 2, rect.y + rect.height / 2)).toEqual(cell);
      }),
    );
  });

  test('cells do not overlap', () => {
    fc.assert(
      fc.property(sizes, ({ layers, experts, width, ratio }) => {
        const layout = layOutHeatmap(Math.min(layers, 4), experts, width, ratio);
        const owner = new Uint8Array(layout.width * layout.height);
        for (let layer = 0; layer < layout.layerCount; layer++) {
          for (let expert = 0; expert < experts; expert++) {
            const { x, y, width: w, height: h } = cellRect(layout, { layer, expert });
            for (let row = y; row < y + h; row++) for (let column = x; column < x + w; column++) owner[row * layout.width + column]!++;
          }
        }
        expect(owner.every((count) => count <= 1)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  test('a layer of 512 experts is wrapped where the width is small, one of 32 is not', () => {
    expect(layOutHeatmap(64, 512, 340, 2).rowsPerLayer).toBeGreaterThan(1);
    expect(layOutHeatmap(6, 32, 280, 2)).toMatchObject({ rowsPerLayer: 1, columnCount: 32 });
  });

  test('outside is no cell', () => {
    const layout = layOutHeatmap(6, 32, 400, 1);
    expect(cellAt(layout, -1, 5)).toBeUndefined();
    expect(cellAt(layout, 5, layout.height)).toBeUndefined();
    const wrapped = layOutHeatmap(2, 99, 150, 1);
    expect(wrapped).toMatchObject({ rowsPerLayer: 2, columnCount: 50 });
    expect(cellAt(wrapped, wrapped.width - 1, cellRect(wrapped, { layer: 0, expert: 98 }).y)).toBeUndefined();
  });
});

describe('cursor', () => {
  const reach = (move: CursorMove, from: CellPlace, times: number, layout = layOutHeatmap(3, 100, 150, 1)): CellPlace => {
    let cell = from;
    for (let step = 0; step < times; step++) cell = moveCursor(layout, cell, move);
    return cell;
  };

  test('never leaves the map, and up undoes down', () => {
    fc.assert(
      fc.property(sizes, fc.array(fc.constantFrom<CursorMove>('left', 'right', 'up', 'down', 'rowStart', 'rowEnd'), { maxLength: 30 }), (size, moves) => {
        const layout = layOutHeatmap(size.layers, size.experts, size.width, 1);
        let cell: CellPlace = { layer: 0, expert: 0 };
        for (const move of moves) {
          cell = moveCursor(layout, cell, move);
          expect(cell.layer >= 0 && cell.layer < size.layers && cell.expert >= 0 && cell.expert < size.experts).toBe(true);
        }
      }),
    );
    expect(reach('up', reach('down', { layer: 0, expert: 7 }, 3), 3)).toEqual({ layer: 0, expert: 7 });
  });

  test('walks down through the rows of a wrapped layer into the next layer', () => {
    const layout = layOutHeatmap(3, 100, 150, 1);
    expect(layout.rowsPerLayer).toBe(2);
    expect(reach('down', { layer: 0, expert: 0 }, 1)).toEqual({ layer: 0, expert: layout.columnCount });
    expect(reach('down', { layer: 0, expert: 0 }, 2)).toEqual({ layer: 1, expert: 0 });
    expect(moveCursor(layout, { layer: 0, expert: 3 }, 'last')).toEqual({ layer: 2, expert: 99 });
  });
});

describe('colours', () => {
  const colorsOf = (usage: ExpertUsage, nowMs: number, flash = true) => {
    const out = new Uint32Array(usage.layerCount * usage.expertCount);
    return { out, isFading: colorCells(usage, palette, nowMs, out, flash) };
  };

  test('an expert never used has the dim colour of the tier where it is', () => {
    const usage = new ExpertUsage(1, 4);
    usage.add(frameOf({ layerCount: 1, expertCount: 4, routes: [], residency: [0, 1, 2, 3] }), 0);
    expect([...colorsOf(usage, 1e6).out]).toEqual([...palette.dim]);
  });

  test('more use is brighter, and disuse fades', () => {
    const usage = new ExpertUsage(1, 4);
    const red = (color: number | undefined) => (color ?? 0) & 255;
    const route = (expert: number) => usage.add(frameOf({ layerCount: 1, expertCount: 4, routes: [[[expert]]], residency: [0, 0, 0, 0] }), 0);
    route(0);
    const once = red(colorsOf(usage, 1e6).out[0]);
    for (let step = 0; step < 10; step++) route(0);
    const often = red(colorsOf(usage, 1e6).out[0]);
    for (let step = 0; step < 100; step++) route(1);
    const faded = red(colorsOf(usage, 1e6).out[0]);
    expect(once).toBeGreaterThan(10);
    expect(often).toBeGreaterThan(once);
    expect(faded).toBeLessThan(once);
  });

  test('a route flashes, a miss in its own colour, and both are over after their time', () => {
    const usage = new ExpertUsage(1, 4);
    usage.add(frameOf({ layerCount: 1, expertCount: 4, routes: [[[0, 1]]], missed: [1], residency: [0, 0, 0, 0] }), 1000);
    const start = colorsOf(usage, 1000);
    expect(start.out[0]).toBe(palette.hitFlash);
    expect(start.out[1]).toBe(palette.missFlash);
    expect(start.isFading).toBe(true);
    expect(colorsOf(usage, 1000 + HIT_FLASH_MS).out[0]).toBe(colorsOf(usage, 1e6).out[0]);
    expect(colorsOf(usage, 1000 + MISS_FLASH_MS).isFading).toBe(false);
    expect(colorsOf(usage, 1000, false)).toMatchObject({ isFading: false, out: colorsOf(usage, 1e6).out });
  });

  test('mixing keeps the ends and goes through the middle', () => {
    expect(mixColors(packColor(0, 100, 200), packColor(200, 100, 0), 0)).toBe(packColor(0, 100, 200));
    expect(mixColors(packColor(0, 100, 200), packColor(200, 100, 0), 1)).toBe(packColor(200, 100, 0));
    expect(mixColors(packColor(0, 100, 200), packColor(200, 100, 0), 0.5)).toBe(packColor(100, 100, 100));
  });
});

describe('painting', () => {
  const layout = layOutHeatmap(3, 8, 200, 2);
  const cellCount = layout.layerCount * layout.expertCount;

  test('paints cells, leaves the gaps, and says which rows changed', () => {
    const poison = 0xdeadbeef;
    const pixels = new Uint32Array(layout.width * layout.height).fill(poison);
    const colors = new Uint32Array(cellCount).map((_, cell) => cell + 1);
    const painted = new Uint32Array(cellCount);
    expect(paintCells(pixels, layout, colors, painted)).toEqual({
      top: 0,
      bottom: cellRect(layout, { layer: 2, expert: 0 }).y + cellRect(layout, { layer: 2, expert: 0 }).height,
    });
    const counts = new Map<number, number>();
    for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
    for (let layer = 0; layer < 3; layer++) {
      for (let expert = 0; expert < 8; expert++) {
        const { x, y, width, height } = cellRect(layout, { layer, expert });
        expect(pixels[(y + (height >> 1)) * layout.width + x + (width >> 1)]).toBe(layer * 8 + expert + 1);
        const count = counts.get(layer * 8 + expert + 1) ?? 0;
        expect(count).toBeLessThanOrEqual(width * height);
        expect(count).toBeGreaterThan(width * height * 0.9);
      }
    }
    expect(counts.get(poison)).toBeGreaterThan(0);
  });

  test('paints only what changed', () => {
    const pixels = new Uint32Array(layout.width * layout.height);
    const colors = new Uint32Array(cellCount).fill(7);
    const painted = new Uint32Array(cellCount);
    paintCells(pixels, layout, colors, painted);
    expect(paintCells(pixels, layout, colors, painted)).toBeUndefined();
    const before = pixels.slice();
    colors[8 + 3] = 9;
    const rect = cellRect(layout, { layer: 1, expert: 3 });
    expect(paintCells(pixels, layout, colors, painted)).toEqual({ top: rect.y, bottom: rect.y + rect.height });
    const changed = pixels.reduce((count, pixel, index) => count + (pixel === before[index] ? 0 : 1), 0);
    expect(changed).toBeGreaterThan(0);
    expect(changed).toBeLessThanOrEqual(rect.width * rect.height);
  });
});
