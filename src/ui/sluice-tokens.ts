// <sluice-tokens>: the tokens of the last answer as chips, coloured by how sure the model was. Picking one shows which experts it went through, layer by layer.

import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import type { EngineApi, GeneratedToken } from '../core/api';
import { TIERS, type RoutingFrame } from '../core/routing-frame';
import { cssVars } from './css-vars';
import { EngineLink, followRouting } from './engine-link';
import { checkFrame, tierNames } from './model/expert-usage';
import { formatShare, visibleToken } from './model/format';
import { MAX_TOKENS_KEPT, surprise, TokenHistory, type TokenRoute } from './model/token-history';
import { OncePerFrame } from './once-per-frame';
import { controls, tierSwatches, tokens } from './styles';

/**
 * @property {EngineApi} engine - whose routing to show
 * @attr for - id of a <sluice-chat> in the same tree: follows its engine and its tokens
 * @method addTokens(tokens) - shows generated tokens; one with index 0 begins a new answer
 * @method push(frame) - takes a frame that did not come from `engine`
 * @method clear()
 * @csspart chips, route
 */
@customElement('sluice-tokens')
export class SluiceTokens extends LitElement {
  @property({ attribute: false }) engine: EngineApi | undefined;
  @property() for = '';
  /** The picked token; undefined follows the newest. */
  @state() private picked: GeneratedToken | undefined;

  readonly #history = new TokenHistory();
  readonly #changed = new OncePerFrame(() => this.requestUpdate());
  #unfollow: (() => void) | undefined;

  static override readonly styles = [
    tokens,
    controls,
    tierSwatches,
    css`
      :host {
        display: block;
        container-type: inline-size;
      }
      .empty {
        color: var(--_ink-soft);
        font-size: 0.875rem;
        margin: 0.5rem 0;
      }
      .chips {
        display: flex;
        flex-wrap: wrap;
        gap: 3px;
        max-height: 9.5rem;
        overflow-y: auto;
        padding: 3px;
        margin: -3px;
      }
      .chips button {
        font: 0.8125rem/1.35 var(--_mono);
        min-height: 1.5rem;
        min-width: 1.5rem;
        padding: 0.05rem 0.25rem;
        border-radius: 5px;
        border: 1px solid transparent;
        background: color-mix(in oklab, var(--_surface), var(--_surprise) calc(4% + var(--surprise) * 60%));
      }
      .chips span {
        white-space: pre;
      }
      .chips button:hover {
        border-color: var(--_line-strong);
      }
      .chips button[aria-selected='true'] {
        border-color: var(--_ink);
        box-shadow: 0 0 0 1px var(--_ink);
      }
      .key {
        display: flex;
        align-items: center;
        gap: 0.4rem;
        margin: 0.5rem 0 0;
        font-size: 0.75rem;
        color: var(--_ink-soft);
      }
      .key i {
        width: 4rem;
        height: 0.6rem;
        border-radius: 3px;
        background: linear-gradient(
          to right,
          color-mix(in oklab, var(--_surface), var(--_surprise) 4%),
          color-mix(in oklab, var(--_surface), var(--_surprise) 64%)
        );
      }
      .detail {
        margin-block-start: 0.75rem;
      }
      .about {
        display: flex;
        flex-wrap: wrap;
        gap: 0.1rem 0.9rem;
        align-items: baseline;
        font-size: 0.8125rem;
        color: var(--_ink-soft);
        margin: 0 0 0.4rem;
      }
      .about code {
        font: 600 0.875rem var(--_mono);
        color: var(--_ink);
        white-space: pre;
      }
      .route {
        max-height: 16rem;
        overflow: auto;
      }
      .route th[scope='col']:first-child {
        width: 2.75rem;
      }
      .route td,
      .route th {
        padding-block: 0.2rem;
        padding-inline: 0.25rem;
      }
      .experts {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(3.9rem, 1fr));
        gap: 0.25rem 0.45rem;
      }
      .expert {
        display: grid;
        grid-template-columns: auto 1fr;
        white-space: nowrap;
        gap: 0 0.2rem;
        align-items: baseline;
      }
      .bar {
        grid-column: 1 / -1;
        height: 4px;
        border-radius: 2px;
        background: var(--_line);
        overflow: hidden;
      }
      .bar i {
        display: block;
        height: 100%;
        width: calc(var(--share) * 100%);
        border-radius: 2px;
        background: var(--_accent);
      }
      .weight {
        white-space: nowrap;
        font-size: 0.6875rem;
        color: var(--_ink-soft);
        text-align: end;
      }
    `,
  ];

  constructor() {
    super();
    new EngineLink(this, (detail) => this.addTokens(detail.tokens));
  }

  addTokens(newTokens: readonly GeneratedToken[]): void {
    if (newTokens.some((token) => token.index === 0)) this.picked = undefined;
    this.#history.addTokens(newTokens);
    this.#changed.request();
  }

  push(frame: RoutingFrame): void {
    checkFrame(frame);
    this.#history.addFrame(frame);
    this.#changed.request();
  }

  clear(): void {
    this.#history.clear();
    this.picked = undefined;
    this.requestUpdate();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#follow();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#unfollow?.();
    this.#unfollow = undefined;
    this.#changed.cancel();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('engine') || (changed.get('engine') === undefined && this.#unfollow)) return;
    this.#unfollow?.();
    this.#unfollow = undefined;
    this.#history.clear();
    this.picked = undefined;
    this.#follow();
  }

  protected override updated(): void {
    // The newest chips stay in view as long as the reader has picked none.
    const chips = this.shadowRoot?.querySelector('.chips');
    if (chips && this.picked === undefined) chips.scrollTop = chips.scrollHeight;
  }

  #follow(): void {
    if (this.engine && this.isConnected) this.#unfollow ??= followRouting(this.engine, (frame) => this.push(frame));
  }

  override render(): unknown {
    const shown = this.#history.tokens;
    if (shown.length === 0) return html`<p class="empty">Tokens appear here as they are written. Pick one to see its route.</p>`;
    const picked = this.picked ?? this.#newestRouted();
    return html`
      <div class="chips" part="chips" role="listbox" aria-label="Tokens of the last answer" aria-orientation="horizontal" @keydown=${this.#onKeydown}>
        ${repeat(
          shown,
          (token) => token.index,
          (token) => this.#chip(token, token === picked),
        )}
      </div>
      <p class="key" aria-hidden="true">sure <i></i> surprised${this.#history.isTruncated ? html` · the last ${MAX_TOKENS_KEPT} tokens` : nothing}</p>
      ${picked ? this.#detail(picked) : nothing}
    `;
  }

  #chip(token: GeneratedToken, isPicked: boolean): TemplateResult {
    return html`<button
      role="option"
      data-index=${token.index}
      aria-selected=${isPicked}
      tabindex=${isPicked ? 0 : -1}
      aria-label="${visibleToken(token.text)}, probability ${formatShare(Math.exp(token.logprob))}"
      ${cssVars({ '--surprise': surprise(token.logprob).toFixed(2) })}
      @click=${() => (this.picked = token)}
    >
      <span>${visibleToken(token.text)}</span>
    </button>`;
  }

  #detail(token: GeneratedToken): TemplateResult {
    const route = this.#history.route(token);
    return html`<div class="detail">
      <p class="about numbers">
        <code>${visibleToken(token.text)}</code>
        <span>id ${token.id}</span><span>position ${token.position}</span><span>probability ${formatShare(Math.exp(token.logprob))}</span>
      </p>
      ${route ? this.#routeTable(route) : html`<p class="empty">This token has not been fed through the layers yet, so it has no route.</p>`}
    </div>`;
  }

  #routeTable(route: TokenRoute): TemplateResult {
    const names = tierNames(this.engine?.model.backend);
    return html`<div class="route" part="route" tabindex="0" role="region" aria-label="Route of the token">
      <table>
        <caption class="visually-hidden">
          For each layer the experts with their weights and where they were
        </caption>
        <thead>
          <tr>
            <th scope="col">Layer</th>
            <th scope="col">Experts, strongest first</th>
          </tr>
        </thead>
        <tbody>
          ${route.map(
            (experts, layer) =>
              html`<tr>
                <th scope="row">${layer}</th>
                <td>
                  <div class="experts">
                    ${experts.map(
                      ({ expert, weight, tier }) =>
                        html`<span class="expert" title="Expert ${expert}, weight ${weight.toFixed(3)}, found on: ${names[tier]}">
                          <span><span class="swatch" data-tier=${TIERS.includes(tier) ? tier : 'network'}></span> ${expert}</span>
                          <span class="weight">${formatShare(weight)}</span>
                          <span class="visually-hidden">${names[tier]}</span>
                          <span class="bar"><i ${cssVars({ '--share': Math.min(1, weight).toFixed(3) })}></i></span>
                        </span>`,
                    )}
                  </div>
                </td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  }

  #newestRouted(): GeneratedToken | undefined {
    const shown = this.#history.tokens;
    return shown.findLast((token) => this.#history.hasRoute(token)) ?? shown.at(-1);
  }

  #onKeydown(event: KeyboardEvent): void {
    const shown = this.#history.tokens;
    const at = shown.indexOf(this.picked ?? this.#newestRouted() ?? shown[0]!);
    const to = { ArrowLeft: at - 1, ArrowUp: at - 1, ArrowRight: at + 1, ArrowDown: at + 1, Home: 0, End: shown.length - 1 }[event.key];
    const token = to === undefined ? undefined : shown[Math.min(shown.length - 1, Math.max(0, to))];
    if (token === undefined) return;
    event.preventDefault();
    this.picked = token;
    void this.updateComplete.then(() => this.shadowRoot?.querySelector<HTMLElement>(`[data-index='${token.index}']`)?.focus());
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'sluice-tokens': SluiceTokens;
  }
}
