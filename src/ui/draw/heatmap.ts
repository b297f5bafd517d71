// The heatmap's picture, without a canvas: where each cell lies, which colour it has, and the pixels. Everything is typed arrays in and out, in device pixels.
//
// A layer is one row of cells, or several when its experts do not fit the width at a legible size. Only cells whose colour changed are painted again, so a
// map of 64 x 512 experts costs what changed, not what it holds.

import type { ExpertUsage } from '../model/expert-usage';

/** A flash fades over this time. Short, since a fast model routes to most experts within half a second; what was missing stays longer. */
export const HIT_FLASH_MS = 180;
export const MISS_FLASH_MS = 360;
const MIN_PITCH_CSS = 3;
const MIN_ROW_CSS = 4;
const MAX_ROW_CSS = 20;

export interface HeatmapLayout {
  readonly layerCount: number;
  readonly expertCount: number;
  /** Cells in one row; a layer has `rowsPerLayer` of them. */
  readonly columnCount: number;
  readonly rowsPerLayer: number;
  /** Distance from cell to cell; may be a fraction, edges are rounded. */
  readonly columnPitch: number;
  readonly rowPitch: number;
  /** Empty pixels to the right of and below a cell, and extra ones below a layer. */
  readonly cellGap: number;
  readonly layerGap: number;
  readonly width: number;
  readonly height: number;
}

export interface CellPlace {
  readonly layer: number;
  readonly expert: number;
}

export interface PixelRect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A colour as one little-endian RGBA word, as ImageData stores it. */
export type PixelColor = number;

export interface HeatmapPalette {
  /** [tier] at rest: never used. After the last tier comes the colour of an expert whose place is not known. */
  readonly dim: readonly PixelColor[];
  /** [tier] in heavy use. */
  readonly bright: readonly PixelColor[];
  readonly hitFlash: PixelColor;
  readonly missFlash: PixelColor;
}

export function packColor(red: number, green: number, blue: number): PixelColor {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** a + (b - a) · t per channel; t from 0 to 1. */
export function mixColors(a: PixelColor, b: PixelColor, t: number): PixelColor {
  const red = (a & 255) + ((b & 255) - (a & 255)) * t;
  const green = ((a >>> 8) & 255) + (((b >>> 8) & 255) - ((a >>> 8) & 255)) * t;
  const blue = ((a >>> 16) & 255) + (((b >>> 16) & 255) - ((a >>> 16) & 255)) * t;
  return packColor(red, green, blue);
}

export function layOutHeatmap(layerCount: number, expertCount: number, widthCss: number, pixelRatio: number): HeatmapLayout {
  const width = Math.max(1, Math.floor(widthCss * pixelRatio));
  const columnsThatFit = Math.max(1, Math.floor(widthCss / MIN_PITCH_CSS));
  const rowsPerLayer = Math.ceil(expertCount / columnsThatFit);
  const columnCount = Math.ceil(expertCount / rowsPerLayer);
  const columnPitch = width / columnCount;
  const rowCss = Math.min(MAX_ROW_CSS, Math.max(MIN_ROW_CSS, columnPitch / pixelRatio));
  const rowPitch = Math.max(1, Math.round(rowCss * pixelRatio));
  const cellGap = Math.min(columnPitch, rowPitch) >= 4 ? Math.max(1, Math.round(rowCss >= 9 ? 2 * pixelRatio : pixelRatio / 2)) : 0;
  const layerGap = rowsPerLayer > 1 ? Math.round(3 * pixelRatio) : 0;
  const height = layerCount * (rowsPerLayer * rowPitch + layerGap);
  return { layerCount, expertCount, columnCount, rowsPerLayer, columnPitch, rowPitch, cellGap, layerGap, width, height };
}

export function cellRect(layout: HeatmapLayout, { layer, expert }: CellPlace): PixelRect {
  const column = expert % layout.columnCount;
  const row = Math.floor(expert / layout.columnCount);
  const x = Math.round(column * layout.columnPitch);
  const right = Math.round((column + 1) * layout.columnPitch);
  const y = layer * layerPitch(layout) + row * layout.rowPitch;
  return { x, y, width: Math.max(1, right - x - layout.cellGap), height: Math.max(1, layout.rowPitch - layout.cellGap) };
}

/** The cell at a pixel, its gap included; undefined outside and on the empty end of a layer's last row. */
export function cellAt(layout: HeatmapLayout, x: number, y: number): CellPlace | undefined {
  if (x < 0 || y < 0 || x >= layout.width || y >= layout.height) return undefined;
  const layer = Math.floor(y / layerPitch(layout));
  const row = Math.floor((y - layer * layerPitch(layout)) / layout.rowPitch);
  const column = Math.min(layout.columnCount - 1, Math.floor(x / layout.columnPitch));
  const expert = row * layout.columnCount + column;
  return row < layout.rowsPerLayer && expert < layout.expertCount ? { layer, expert } : undefined;
}

export type CursorMove = 'left' | 'right' | 'up' | 'down' | 'rowStart' | 'rowEnd' | 'first' | 'last';

/** The next cell for a key; stays where it is at the borders. Up and down go by visible row, so a wrapped layer is walked through. */
export function moveCursor(layout: HeatmapLayout, cell: CellPlace, move: CursorMove): CellPlace {
  const lastExpert = layout.expertCount - 1;
  switch (move) {
    case 'left':
      return { ...cell, expert: Math.max(0, cell.expert - 1) };
    case 'right':
      return { ...cell, expert: Math.min(lastExpert, cell.expert + 1) };
    case 'rowStart':
      return { ...cell, expert: 0 };
    case 'rowEnd':
      return { ...cell, expert: lastExpert };
    case 'first':
      return { layer: 0, expert: 0 };
    case 'last':
      return { layer: layout.layerCount - 1, expert: lastExpert };
    case 'up': {
      if (cell.expert >= layout.columnCount) return { ...cell, expert: cell.expert - layout.columnCount };
      if (cell.layer === 0) return cell;
      return { layer: cell.layer - 1, expert: Math.min(lastExpert, (layout.rowsPerLayer - 1) * layout.columnCount + cell.expert) };
    }
    case 'down': {
      const below = cell.expert + layout.columnCount;
      if (below <= lastExpert) return { ...cell, expert: below };
      if (cell.layer === layout.layerCount - 1) return cell;
      return { layer: cell.layer + 1, expert: cell.expert % layout.columnCount };
    }
  }
}

/** Colours of all cells, [layer, expert], into `out`. Returns whether a flash is still fading, so another frame is needed. `flash: false` draws none. */
export function colorCells(usage: ExpertUsage, palette: HeatmapPalette, nowMs: number, out: Uint32Array, flash = true): boolean {
  const { heat, residency, flashedAtMs, flashIsMiss, evenHeat } = usage;
  let isFading = false;
  for (let cell = 0; cell < out.length; cell++) {
    const tier = residency[cell]!;
    const brightness = 1 - 2 ** (-heat[cell]! / evenHeat);
    let color = mixColors(palette.dim[tier] ?? 0, palette.bright[tier] ?? 0, brightness);
    const age = nowMs - flashedAtMs[cell]!;
    const flashMs = flashIsMiss[cell] === 1 ? MISS_FLASH_MS : HIT_FLASH_MS;
    if (flash && age < flashMs) {
      isFading = true;
      const strength = 1 - Math.max(0, age) / flashMs;
      color = mixColors(color, flashIsMiss[cell] === 1 ? palette.missFlash : palette.hitFlash, strength * strength);
    }
    out[cell] = color;
  }
  return isFading;
}

/**
 * Paints the cells whose colour differs from `painted` and updates it. `pixels` is [height, width] of RGBA words; what is not a cell is left as it is.
 * Returns the rows that changed as [top, bottom), or undefined if none did.
 */
export function paintCells(pixels: Uint32Array, layout: HeatmapLayout, colors: Uint32Array, painted: Uint32Array): { top: number; bottom: number } | undefined {
  let top = layout.height;
  let bottom = 0;
  for (let layer = 0; layer < layout.layerCount; layer++) {
    for (let expert = 0; expert < layout.expertCount; expert++) {
      const cell = layer * layout.expertCount + expert;
      const color = colors[cell]!;
      if (painted[cell] === color) continue;
      painted[cell] = color;
      const rect = cellRect(layout, { layer, expert });
      fillRoundedRect(pixels, layout.width, rect, color);
      top = Math.min(top, rect.y);
      bottom = Math.max(bottom, rect.y + rect.height);
    }
  }
  return bottom > top ? { top, bottom } : undefined;
}

function layerPitch(layout: HeatmapLayout): number {
  return layout.rowsPerLayer * layout.rowPitch + layout.layerGap;
}

/** Pixels cut from the ends of the first rows of a cell so that it looks rounded; small cells stay square. */
function cornerInsets(size: number): readonly number[] {
  if (size >= 20) return [3, 2, 1];
  if (size >= 12) return [2, 1];
  return size >= 7 ? [1] : [];
}

function fillRoundedRect(pixels: Uint32Array, stride: number, rect: PixelRect, color: PixelColor): void {
  const insets = cornerInsets(Math.min(rect.width, rect.height));
  for (let row = 0; row < rect.height; row++) {
    const inset = insets[Math.min(row, rect.height - 1 - row)] ?? 0;
    const start = (rect.y + row) * stride + rect.x;
    pixels.fill(color, start + inset, start + rect.width - inset);
  }
}
