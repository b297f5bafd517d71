// <sluice-sampling>: the fields that decide how an answer is sampled.

import { css, html, LitElement } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { DEFAULT_SETTINGS, parseSetting, SETTING_FIELDS, type ChatSettings, type SettingField } from '../model/settings';
import { controls, tokens } from '../styles';

/**
 * @property {ChatSettings} settings
 * @fires change - `settings` has a new value
 */
@customElement('sluice-sampling')
export class SluiceSampling extends LitElement {
  @property({ attribute: false }) settings: ChatSettings = DEFAULT_SETTINGS;

  static override readonly styles = [
    tokens,
    controls,
    css`
      :host {
        display: block;
        font-size: 0.875rem;
      }
      .fields {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr));
        gap: 0.75rem 1rem;
      }
      label {
        display: grid;
        gap: 0.15rem;
        align-content: start;
        font-weight: 500;
        font-size: 0.8125rem;
      }
      .hint {
        color: var(--_ink-soft);
        font-weight: 400;
        font-size: 0.75rem;
      }
      .end {
        display: flex;
        align-items: center;
      }
    `,
  ];

  override render(): unknown {
    return html`<div class="fields">
      ${SETTING_FIELDS.map(
        (field) =>
          html`<label>
            ${field.label}
            <input
              type="number"
              inputmode="decimal"
              name=${field.key}
              min=${field.min}
              max=${field.max}
              step=${field.step}
              .value=${String(this.settings[field.key] ?? '')}
              placeholder=${field.key === 'seed' ? 'random' : ''}
              aria-describedby="hint-${field.key}"
              @change=${(event: Event) => this.#set(field, event.target as HTMLInputElement)}
            />
            <span class="hint" id="hint-${field.key}">${field.hint}</span>
          </label>`,
      )}
      <div class="end"><button class="quiet" @click=${this.#reset}>Reset to defaults</button></div>
    </div>`;
  }

  #set(field: SettingField, input: HTMLInputElement): void {
    const value = parseSetting(field, input.value);
    this.settings = { ...this.settings, [field.key]: value ?? DEFAULT_SETTINGS[field.key] };
    input.value = String(this.settings[field.key] ?? '');
    this.dispatchEvent(new Event('change'));
  }

  #reset(): void {
    this.settings = DEFAULT_SETTINGS;
    this.dispatchEvent(new Event('change'));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    'sluice-sampling': SluiceSampling;
  }
}
