// The heatmap's canvas: keeps the pixels, repaints what changed. Knows nothing of frames, keys or tables.

import type { CellPlace, HeatmapLayout, HeatmapPalette, PixelRect } from '../draw/heatmap';
import { cellAt, cellRect, colorCells, layOutHeatmap, paintCells } from '../draw/heatmap';
import type { ExpertUsage } from '../model/expert-usage';

export class HeatmapCanvas {
  #canvas: HTMLCanvasElement | undefined;
  #layout: HeatmapLayout | undefined;
  #pixelRatio = 1;
  #image: ImageData | undefined;
  #colors = new Uint32Array(0);
  #painted = new Uint32Array(0);

  get layout(): HeatmapLayout | undefined {
    return this.#layout;
  }

  /** Makes the canvas fit its map and width (CSS pixels). Returns whether anything changed; then all cells are painted at the next `draw`. */
  resize(canvas: HTMLCanvasElement, layerCount: number, expertCount: number, widthCss: number, pixelRatio: number): boolean {
    const layout = layOutHeatmap(layerCount, expertCount, widthCss, pixelRatio);
    const old = this.#layout;
    const isSame = old?.width === layout.width && old.height === layout.height && old.layerCount === layerCount && old.expertCount === expertCount;
    if (isSame && this.#canvas === canvas) return false;
    this.#canvas = canvas;
    this.#layout = layout;
    this.#pixelRatio = pixelRatio;
    canvas.width = layout.width;
    canvas.height = layout.height;
    canvas.style.width = `${layout.width / pixelRatio}px`;
    canvas.style.height = `${layout.height / pixelRatio}px`;
    this.#image = new ImageData(layout.width, layout.height);
    this.#colors = new Uint32Array(layerCount * expertCount);
    this.#painted = new Uint32Array(layerCount * expertCount);
    return true;
  }

  /** Repaints; returns whether a flash is still fading. */
  draw(usage: ExpertUsage, palette: HeatmapPalette, nowMs: number, flash: boolean): boolean {
    const context = this.#canvas?.getContext('2d');
    if (this.#layout === undefined || this.#image === undefined || !context) return false;
    const isFading = colorCells(usage, palette, nowMs, this.#colors, flash);
    const words = new Uint32Array(this.#image.data.buffer);
    const rows = paintCells(words, this.#layout, this.#colors, this.#painted);
    if (rows) context.putImageData(this.#image, 0, 0, 0, rows.top, this.#layout.width, rows.bottom - rows.top);
    return isFading;
  }

  /** The cell at a place in the canvas, in CSS pixels. */
  cellAt(x: number, y: number): CellPlace | undefined {
    return this.#layout && cellAt(this.#layout, x * this.#pixelRatio, y * this.#pixelRatio);
  }

  /** Where a cell lies, in CSS pixels. */
  rectOf(cell: CellPlace): PixelRect | undefined {
    if (this.#layout === undefined) return undefined;
    const { x, y, width, height } = cellRect(this.#layout, cell);
    const ratio = this.#pixelRatio;
    return { x: x / ratio, y: y / ratio, width: width / ratio, height: height / ratio };
  }
}
