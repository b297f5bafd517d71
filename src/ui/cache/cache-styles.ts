// The look of <sluice-cache>.

import { css } from 'lit';

export const cacheStyles = css`
  :host {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 1rem;
    container-type: inline-size;
    font-size: 0.875rem;
  }
  .empty,
  .soft {
    color: var(--_ink-soft);
  }
  .empty,
  .small,
  .advice {
    margin: 0;
  }
  .small,
  .advice {
    font-size: 0.75rem;
  }
  .budget {
    display: flex;
    flex-wrap: wrap;
    justify-content: space-between;
    gap: 0.15rem 0.75rem;
    align-items: baseline;
  }
  .budget label {
    font-weight: 500;
  }
  .budget p,
  .slider {
    flex: 1 0 100%;
  }
  .slider {
    position: relative;
    padding-block: 0.2rem;
  }
  .slider input {
    width: 100%;
    margin: 0;
    display: block;
    height: 1.5rem;
  }
  /* The thumb's middle travels from half a thumb in to half a thumb before the end. */
  .mark {
    position: absolute;
    bottom: 0;
    left: calc(8px + var(--at) * (100% - 16px));
    translate: -50%;
  }
  .key {
    white-space: nowrap;
  }
  .small i {
    display: inline-block;
  }
  .cliff {
    width: 2px;
    height: 0.55rem;
    border-radius: 1px;
    background: var(--_warning);
  }
  .recommended {
    width: 8px;
    height: 0.35rem;
    background: var(--_accent);
    clip-path: polygon(50% 0, 100% 100%, 0 100%);
  }
  .advice:is([data-advice='near-cycle'], [data-advice='below-cycle']) {
    color: var(--_warning);
    font-weight: 500;
  }
  .advice {
    color: var(--_ink-soft);
  }
  .use-recommended {
    margin-inline-start: -0.5rem;
  }
  h3 {
    margin: 0 0 0.4rem;
    font-size: 0.8125rem;
    font-weight: 600;
  }
  .ram {
    display: flex;
    flex-wrap: wrap;
    justify-content: space-between;
    align-items: center;
    gap: 0.25rem 1rem;
    font-size: 0.8125rem;
  }
  .ram label {
    color: var(--_ink-soft);
  }
  .ram .field {
    display: inline-flex;
    align-items: center;
    gap: 0.4rem;
  }
  .ram input {
    width: 7rem;
    min-height: 1.9rem;
    text-align: end;
  }
  dl {
    margin: 0;
  }
  dd {
    margin: 0;
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
    padding: 0.45rem 0.65rem;
    min-width: 0;
  }
  .rates dt {
    font-size: 0.75rem;
    color: var(--_ink-soft);
  }
  .rates dd {
    font-size: 1.125rem;
    font-weight: 600;
    letter-spacing: -0.01em;
  }
  .tiers th,
  .tiers td {
    padding-inline: 0 0.5rem;
    white-space: nowrap;
  }
  .tiers .number {
    padding-inline: 0.5rem 0;
  }
  .bar {
    display: inline-block;
    width: clamp(1.5rem, 16cqi, 6rem);
    height: 6px;
    margin-inline-end: 0.5rem;
    border-radius: 3px;
    vertical-align: 1px;
    background: var(--_line);
    overflow: hidden;
  }
  .bar i {
    display: block;
    height: 100%;
    width: calc(var(--share) * 100%);
    background: var(--_tier-disk);
    transition: width 200ms;
  }
  .bar[data-tier='gpu'] i {
    background: var(--_tier-gpu);
  }
  .bar[data-tier='ram'] i {
    background: var(--_tier-ram);
  }
  @container (max-width: 19rem) {
    .tiers thead th {
      white-space: normal;
    }
    .tiers .of {
      display: none;
    }
  }
  @container (max-width: 25rem) {
    .tiers .bar,
    .tiers td .soft {
      display: none;
    }
    .rates div {
      padding-inline: 0.5rem;
    }
  }
  .figures {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(min(13rem, 100%), 1fr));
    gap: 0.2rem 1.5rem;
    font-size: 0.8125rem;
  }
  .figures div {
    display: flex;
    justify-content: space-between;
    gap: 1rem;
    min-width: 0;
  }
  .figures dt {
    color: var(--_ink-soft);
    flex: none;
  }
  .figures dd {
    text-align: end;
    overflow-wrap: anywhere;
    min-width: 0;
  }
`;
