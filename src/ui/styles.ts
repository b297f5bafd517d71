// Design tokens and the few controls that all components share. Every token can be set from outside as --sluice-…; the private --_… names are what the
// components read. Light and dark follow the `color-scheme` of the place where the component stands.

import { css } from 'lit';

export const tokens = css`
  :host {
    --_surface: var(--sluice-surface, light-dark(#ffffff, #141b1b));
    --_raised: var(--sluice-raised, light-dark(#f4f7f6, #1c2525));
    --_sunken: var(--sluice-sunken, light-dark(#eef2f1, #0f1515));
    --_line: var(--sluice-line, light-dark(#dce4e2, #2a3535));
    --_line-strong: var(--sluice-line-strong, light-dark(#788785, #6f8280));
    --_ink: var(--sluice-ink, light-dark(#15201f, #e7eeec));
    --_ink-soft: var(--sluice-ink-soft, light-dark(#4f605e, #a3b3b0));
    --_accent: var(--sluice-accent, light-dark(#0b6b63, #5fd4c4));
    --_accent-ink: var(--sluice-accent-ink, light-dark(#ffffff, #06201d));
    --_accent-wash: var(--sluice-accent-wash, light-dark(#e3f2ef, #16302d));
    --_danger: var(--sluice-danger, light-dark(#b42318, #ff9385));
    --_danger-wash: var(--sluice-danger-wash, light-dark(#fdeeec, #361c19));
    --_warning: var(--sluice-warning, light-dark(#8a5300, #f2c063));
    --_warning-wash: var(--sluice-warning-wash, light-dark(#fdf3df, #33270f));
    --_surprise: var(--sluice-surprise, light-dark(#f2a93b, #b8741a));
    --_tier-gpu: var(--sluice-tier-gpu, light-dark(#0c8577, #38d6c0));
    --_tier-ram: var(--sluice-tier-ram, light-dark(#2f6fd0, #6ba4ff));
    --_tier-disk: var(--sluice-tier-disk, light-dark(#bd7a12, #eaae45));
    --_tier-network: var(--sluice-tier-network, light-dark(#7d7790, #8d889e));
    --_flash-hit: var(--sluice-flash-hit, light-dark(#042f2a, #f2fffc));
    --_flash-miss: var(--sluice-flash-miss, light-dark(#dc2a1c, #ff5c4d));
    --_radius: var(--sluice-radius, 10px);
    --_font: var(--sluice-font, system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif);
    --_mono: var(--sluice-font-mono, ui-monospace, 'SF Mono', 'Cascadia Mono', 'Roboto Mono', 'DejaVu Sans Mono', monospace);

    box-sizing: border-box;
    color: var(--_ink);
    font: 400 0.9375rem / 1.5 var(--_font);
  }
  :host([hidden]) {
    display: none;
  }
  *,
  *::before,
  *::after {
    box-sizing: inherit;
  }
  :focus-visible {
    outline: 2px solid var(--_accent);
    outline-offset: 2px;
  }
  .visually-hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
    border: 0;
    padding: 0;
  }
  .numbers {
    font-variant-numeric: tabular-nums;
  }
  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation: none !important;
      /* Not a duration alone: every property would then take it, and inherited ones (color) would change down the page one element after the other. */
      transition: background-color 1ms !important;
    }
  }
`;

export const controls = css`
  button {
    font: inherit;
    font-size: 0.875rem;
    font-weight: 500;
    color: var(--_ink);
    background: var(--_surface);
    border: 1px solid var(--_line);
    border-radius: 8px;
    min-height: 2.25rem;
    padding: 0.3rem 0.8rem;
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 0.4rem;
    cursor: pointer;
    transition:
      background-color 120ms,
      border-color 120ms;
  }
  button:hover:not(:disabled) {
    background: var(--_raised);
    border-color: var(--_line-strong);
  }
  button:disabled {
    cursor: not-allowed;
    color: var(--_ink-soft);
    opacity: 0.65;
  }
  button.primary {
    background: var(--_accent);
    border-color: var(--_accent);
    color: var(--_accent-ink);
  }
  button.primary:hover:not(:disabled) {
    background: color-mix(in oklab, var(--_accent) 88%, var(--_ink));
  }
  button.quiet {
    background: transparent;
    border-color: transparent;
    color: var(--_ink-soft);
    padding-inline: 0.5rem;
    min-height: 1.875rem;
    font-size: 0.8125rem;
  }
  button.quiet:hover:not(:disabled) {
    background: var(--_raised);
    color: var(--_ink);
  }
  button[aria-pressed='true'],
  button[aria-expanded='true'] {
    background: var(--_accent-wash);
    border-color: var(--_accent);
    color: var(--_accent);
  }
  button.quiet[aria-pressed='true'],
  button.quiet[aria-expanded='true'] {
    border-color: transparent;
  }
  input[type='text'],
  input[type='number'],
  input[type='url'],
  select,
  textarea {
    font: inherit;
    color: inherit;
    background: var(--_surface);
    border: 1px solid var(--_line-strong);
    border-radius: 8px;
    padding: 0.35rem 0.6rem;
    min-height: 2.25rem;
    width: 100%;
    min-width: 0;
  }
  input::placeholder,
  textarea::placeholder {
    color: var(--_ink-soft);
    opacity: 1;
  }
  input[type='range'],
  input[type='checkbox'] {
    accent-color: var(--_accent);
  }
  table {
    border-collapse: collapse;
    width: 100%;
    font-size: 0.8125rem;
    font-variant-numeric: tabular-nums;
  }
  th,
  td {
    text-align: start;
    padding: 0.3rem 0.5rem;
    border-block-end: 1px solid var(--_line);
    vertical-align: baseline;
  }
  thead th {
    font-weight: 500;
    color: var(--_ink-soft);
    white-space: nowrap;
  }
  tbody th {
    font-weight: 500;
  }
  td.number,
  th.number {
    text-align: end;
  }
`;

/** The little squares that stand for the tiers; `data-tier` names one. */
export const tierSwatches = css`
  .swatch,
  .bar,
  .bar i {
    forced-color-adjust: none;
  }
  .swatch {
    display: inline-block;
    flex: none;
    width: 0.7em;
    height: 0.7em;
    border-radius: 3px;
    background-color: var(--_tier-network);
  }
  .swatch[data-tier='gpu'] {
    background-color: var(--_tier-gpu);
  }
  .swatch[data-tier='ram'] {
    background-color: var(--_tier-ram);
  }
  .swatch[data-tier='disk'] {
    background-color: var(--_tier-disk);
  }
  .swatch[data-tier='hit-flash'] {
    background-color: var(--_flash-hit);
  }
  .swatch[data-tier='miss-flash'] {
    background-color: var(--_flash-miss);
  }
`;
