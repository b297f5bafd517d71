// The few drawings of the components, as inline SVG in the colour of the text around them.

import { svg, html, type TemplateResult } from 'lit';

function icon(paths: TemplateResult, size = 18): TemplateResult {
  return html`<svg
    width=${size}
    height=${size}
    viewBox="0 0 20 20"
    fill="none"
    stroke="currentColor"
    stroke-width="1.7"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
  >
    ${paths}
  </svg>`;
}

export const sendIcon = icon(svg`<path d="M10 16V4M5 9l5-5 5 5" />`);
export const stopIcon = icon(svg`<rect x="5.5" y="5.5" width="9" height="9" rx="1.5" fill="currentColor" />`);
export const settingsIcon = icon(svg`<path d="M3 6h7M14 6h3M3 14h3M10 14h7" /><circle cx="12" cy="6" r="2" /><circle cx="8" cy="14" r="2" />`);
export const fileIcon = icon(svg`<path d="M5 3h6l4 4v10H5zM11 3v4h4" />`);

/** The mark: a small map of experts with one token's route through it. */
export const mark = html`<svg width="26" height="26" viewBox="0 0 26 26" aria-hidden="true">
  <rect width="26" height="26" rx="7" fill="var(--_accent)" />
  <g fill="var(--_accent-ink)">
    <path d="M5.5 5.5h4v4h-4zM11 11h4v4h-4zM16.5 16.5h4v4h-4zM16.5 5.5h4v4h-4z" />
    <path d="M11 5.5h4v4h-4zM5.5 11h4v4h-4zM16.5 11h4v4h-4zM5.5 16.5h4v4h-4zM11 16.5h4v4h-4z" opacity="0.3" />
  </g>
</svg>`;
