// The look of <sluice-simulator>.

import { css } from 'lit';

export const simulatorStyles = css`
  :host {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 0.75rem;
    container-type: inline-size;
    font-size: 0.8125rem;
    --_bound: var(--sluice-curve-bound, light-dark(#7d7790, #a39db3));
    --_policy: var(--sluice-curve-policy, var(--_accent));
    --_plain: var(--sluice-curve-plain, light-dark(#bd7a12, #eaae45));
  }
  p,
  dl,
  dd,
  h3 {
    margin: 0;
  }
  h3 {
    font-size: 0.8125rem;
    font-weight: 600;
  }
  .soft,
  .empty {
    color: var(--_ink-soft);
  }
  .row {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.4rem 0.6rem;
  }
  .row .end {
    margin-inline-start: auto;
    display: flex;
    flex-wrap: wrap;
    gap: 0.1rem;
  }
  .choices label {
    flex: 1 1 9rem;
    min-width: 0;
    display: grid;
    gap: 0.15rem;
    color: var(--_ink-soft);
  }
  select {
    min-height: 2rem;
    font-size: 0.8125rem;
    color: var(--_ink);
  }
  .choices button {
    align-self: end;
    min-height: 2rem;
    min-width: 6.5rem;
  }
  .running {
    animation: appear 200ms 800ms both;
  }
  @keyframes appear {
    from {
      opacity: 0;
    }
  }
  progress {
    flex: 1 1 6rem;
    height: 0.5rem;
    accent-color: var(--_accent);
  }
  svg {
    display: block;
    width: 100%;
    height: auto;
    overflow: visible;
  }
  .grid {
    stroke: var(--_line);
  }
  .now {
    stroke: var(--_ink-soft);
    stroke-dasharray: 3 3;
  }
  text {
    font: 10.5px var(--_font);
    fill: var(--_ink-soft);
    font-variant-numeric: tabular-nums;
  }
  text.y,
  text.last,
  text.now-left {
    text-anchor: end;
  }
  text.x {
    text-anchor: middle;
  }
  .curve {
    fill: none;
    stroke-width: 2;
    stroke-linejoin: round;
  }
  .curve[data-curve='bound'] {
    stroke: var(--_bound);
    stroke-dasharray: 5 3;
  }
  .curve[data-curve='policy'] {
    stroke: var(--_policy);
  }
  .curve[data-curve='plain'] {
    stroke: var(--_plain);
  }
  .dot {
    fill: var(--_policy);
  }
  .legend {
    display: flex;
    flex-wrap: wrap;
    gap: 0.1rem 1rem;
    margin: 0.25rem 0 0;
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
  .legend i {
    width: 1.1rem;
    border-block-start: 2px solid var(--_policy);
    forced-color-adjust: none;
  }
  .legend i[data-curve='bound'] {
    border-color: var(--_bound);
    border-block-start-style: dashed;
  }
  .legend i[data-curve='plain'] {
    border-color: var(--_plain);
  }
  .rates {
    display: grid;
    grid-template-columns: repeat(4, 1fr);
    gap: 1px;
    background: var(--_line);
    border: 1px solid var(--_line);
    border-radius: var(--_radius);
    overflow: hidden;
  }
  .rates div {
    background: var(--_surface);
    padding: 0.4rem 0.5rem;
    min-width: 0;
  }
  .rates dt {
    font-size: 0.75rem;
    color: var(--_ink-soft);
  }
  .rates dd {
    font-size: 1rem;
    font-weight: 600;
    white-space: nowrap;
  }
  .more {
    font-weight: 500;
  }
  .result {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 0.6rem;
  }
  .result[data-old] svg {
    opacity: 0.55;
  }
  summary {
    cursor: pointer;
    border-radius: 6px;
    padding-block: 0.2rem;
    width: fit-content;
  }
  .scroll {
    overflow-x: auto;
  }
  .scroll th,
  .scroll td {
    padding-inline: 0.3rem;
    white-space: nowrap;
  }
  @container (max-width: 22rem) {
    .rates {
      grid-template-columns: repeat(2, 1fr);
    }
  }
`;
