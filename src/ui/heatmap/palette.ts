// The heatmap's colours, read from the custom properties of the element. The legend's swatches carry them as background colours, so that the browser has
// resolved whatever notation, colour scheme and forced colours are in effect; one pixel of a canvas turns any colour into bytes.

import type { HeatmapPalette, PixelColor } from '../draw/heatmap';
import { mixColors, packColor } from '../draw/heatmap';
import { TIERS } from '../../core/routing-frame';

/** How much of a tier's colour an unused expert shows over the background. */
const DIM_SHARE = 0.2;

let probe: CanvasRenderingContext2D | undefined;

function toPixel(color: string): PixelColor {
  probe ??= Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d', { willReadFrequently: true }) ?? undefined;
  if (probe === undefined) return packColor(128, 128, 128);
  probe.clearRect(0, 0, 1, 1);
  probe.fillStyle = color;
  probe.fillRect(0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0] = probe.getImageData(0, 0, 1, 1).data;
  return packColor(red, green, blue);
}

/** `swatch(name)` finds the element whose background is the colour: a tier's name, 'unknown', 'hit-flash', 'miss-flash' or 'surface'. */
export function readPalette(swatch: (name: string) => Element | null): HeatmapPalette {
  const read = (name: string): PixelColor => {
    const element = swatch(name);
    return toPixel(element ? getComputedStyle(element).backgroundColor : 'gray');
  };
  const surface = read('surface');
  const bright = [...TIERS, 'unknown'].map(read);
  return {
    bright,
    dim: bright.map((color, tier) => mixColors(surface, color, tier < TIERS.length ? DIM_SHARE : 1)),
    hitFlash: read('hit-flash'),
    missFlash: read('miss-flash'),
  };
}
