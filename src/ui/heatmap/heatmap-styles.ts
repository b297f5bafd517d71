// The look of <sluice-heatmap>.

import { css } from 'lit';

export const heatmapStyles = css`
  :host {
    display: block;
    position: relative;
    container-type: inline-size;
  }
  :host(:hover),
  :host(:focus-within) {
    z-index: 1;
  }
  .toolbar {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0 0.25rem;
    margin-inline: -0.5rem;
    font-size: 0.8125rem;
  }
  .toolbar label {
    display: inline-flex;
    align-items: center;
    gap: 0.35rem;
    padding-inline: 0.5rem;
    color: var(--_ink-soft);
  }
  .summary {
    margin-inline-start: auto;
    padding-inline: 0.5rem;
    color: var(--_ink-soft);
  }
  .view {
    position: relative;
    overflow: auto;
    max-height: var(--sluice-heatmap-max-height, 26rem);
    margin-block: 0.25rem 0.6rem;
  }
  .map {
    display: grid;
    grid-template-columns: auto minmax(0, 1fr);
    column-gap: 0.4rem;
  }
  .layers,
  .experts {
    position: relative;
    font-size: 0.6875rem;
    line-height: 1;
    color: var(--_ink-soft);
    font-variant-numeric: tabular-nums;
  }
  .layers {
    width: 1.1rem;
  }
  .layers span {
    position: absolute;
    inset-inline-end: 0;
    top: var(--at);
    transform: translateY(-50%);
  }
  .experts {
    grid-column: 2;
    height: 1.1rem;
  }
  .experts span {
    position: absolute;
    left: var(--at);
    transform: translateX(-50%);
  }
  .grid {
    position: relative;
    border-radius: 4px;
    touch-action: pan-y;
  }
  .grid:focus-visible {
    outline-offset: 3px;
  }
  canvas {
    display: block;
    cursor: crosshair;
  }
  .cursor {
    position: absolute;
    pointer-events: none;
    left: calc(var(--x) - 3px);
    top: calc(var(--y) - 3px);
    width: calc(var(--width) + 6px);
    height: calc(var(--height) + 6px);
    border: 2px solid var(--_ink);
    border-radius: 5px;
  }
  .empty {
    color: var(--_ink-soft);
    font-size: 0.875rem;
    padding: 1.5rem 0;
    text-align: center;
  }
  .legend {
    display: flex;
    flex-wrap: wrap;
    gap: 0.2rem 0.75rem;
    margin: 0;
    padding: 0;
    list-style: none;
    font-size: 0.75rem;
    color: var(--_ink-soft);
  }
  .legend li {
    display: inline-flex;
    align-items: center;
    gap: 0.35rem;
  }
  /* A colour that changes (scheme, theme) shows as a transition, which tells the canvas to read its palette again. */
  .legend .swatch,
  .probe {
    transition: background-color 1ms;
  }
  .probe {
    position: absolute;
    width: 0;
    height: 0;
    background-color: var(--_surface);
  }
  .probe[data-tier='unknown'] {
    background-color: color-mix(in srgb, var(--_line) 65%, var(--_surface));
  }
  .ramp {
    width: 1.8rem;
    height: 0.7em;
    border-radius: 3px;
    background: linear-gradient(to right, color-mix(in srgb, var(--_tier-gpu) 20%, var(--_surface)), var(--_tier-gpu));
  }
  .tooltip {
    position: absolute;
    z-index: 2;
    left: clamp(0px, calc(var(--x) - 5.5rem), calc(100cqi - 11rem));
    top: var(--y);
    width: 11rem;
    pointer-events: none;
    padding: 0.5rem 0.65rem;
    border-radius: 8px;
    background: var(--_ink);
    color: var(--_surface);
    font-size: 0.75rem;
    line-height: 1.45;
    box-shadow: 0 4px 16px rgb(0 0 0 / 0.18);
  }
  .tooltip dl {
    display: grid;
    grid-template-columns: auto auto;
    justify-content: space-between;
    gap: 0 0.75rem;
    margin: 0.2rem 0 0;
  }
  .tooltip dd {
    margin: 0;
    text-align: end;
    font-variant-numeric: tabular-nums;
  }
  .tooltip b {
    font-weight: 600;
  }
  select {
    width: auto;
    min-height: 1.875rem;
    font-size: 0.8125rem;
  }
`;
